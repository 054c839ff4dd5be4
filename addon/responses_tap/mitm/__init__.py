"""What runs inside mitmproxy: the addon, the proxy around it, and what they show in mitmproxy's own screens."""
