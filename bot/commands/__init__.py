"""What the commands do: one function a command, called by `cli` with the parsed command line.

Each returns the exit status. Contains no logic of the flow: it calls `follow`, the runners and the store.
"""
