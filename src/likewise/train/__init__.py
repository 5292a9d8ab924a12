"""Training: metric learning on labelled pictures, and the export of what comes out. Needs the extra `torch`."""
