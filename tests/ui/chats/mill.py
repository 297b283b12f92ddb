"""What the document says that answers are about."""

TEXT = "The mill stopped in 1912. The wheel was sold in 1920. The pond is a garden now."
