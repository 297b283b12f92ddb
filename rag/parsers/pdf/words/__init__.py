"""Words of a page in the order and form in which they are read, recognised ones and values of fields among them."""
