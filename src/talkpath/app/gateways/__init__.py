"""`talkpath gateways`: carriers, as configured and as changed by hand."""
