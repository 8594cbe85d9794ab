"""Where threads come from: one module per kind of site, behind `protocols.Source`."""
