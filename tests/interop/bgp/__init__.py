"""BGP as a second, independent reading of the RFCs: what the tests send and understand."""
