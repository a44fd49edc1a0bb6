"""How much predictions change between retrains: the experiment beside the runs."""
