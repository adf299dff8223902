"""The peer of the AWS-shaped API: the same production server with one trivial view added."""
