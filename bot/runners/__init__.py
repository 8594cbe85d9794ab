"""What drives the flow: one module per engine, behind `protocols.Runner`."""
