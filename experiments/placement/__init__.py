"""Where trials run: slots, memory, nodes, and the processes beside them."""
