"""A second composition root: the same workflows with recording activities, on virtual time."""
