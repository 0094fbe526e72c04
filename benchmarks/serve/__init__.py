"""The web server inside `serve`, beside another one."""
