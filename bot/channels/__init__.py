"""Where notices go: one module per kind of channel, behind `protocols.Channel`."""
