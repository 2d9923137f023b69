"""The playbooks on Debian with real systemd: `make test-deploy`."""
