"""The lab: nodes, a top-of-rack router and pods, all made of namespaces on one machine."""
