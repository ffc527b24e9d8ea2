"""What nothing may break: fuzzing, faults made for real, and a table of the cases tried."""
