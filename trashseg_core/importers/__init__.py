"""Other people's data sets, brought into the layout of a data folder."""
