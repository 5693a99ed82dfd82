"""What every stage shares: configuration, devices and processes, optimiser, checkpoints, the workbench."""
