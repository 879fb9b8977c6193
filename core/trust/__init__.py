"""What stands between a file and its running here: consent to native code, and a trial."""
