"""What `train` consists of: epochs, batches, schedules."""
