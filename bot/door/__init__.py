"""The door of a running bot: a socket in the data folder by which other commands have their orders performed."""
