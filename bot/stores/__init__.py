"""Where the state is kept: one module per kind of store, behind `protocols.Store`."""
