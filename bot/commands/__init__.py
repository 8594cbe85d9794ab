"""What the commands do: one function a command, called by `cli` with the parsed command line.

Each returns the exit status. Contains no logic of the flow: what changes the store is an order (`ordering`),
performed here or by a running bot; what only lists or tries something reads and calls the parts itself.
"""
