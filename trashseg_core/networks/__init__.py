"""What smp's networks do not bring: weights without a network, faster layers."""
