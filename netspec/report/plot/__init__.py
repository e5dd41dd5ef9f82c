"""`netspec plot`: a network as a picture.  Each file here is one format."""
