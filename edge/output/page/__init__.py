"""The live page: a skeleton in the room, numbers and events in a browser.

`server` serves the files in `web/` and `description`, with the limits of `bounded_http`, and only
where it is called by its own name (`own_hosts`). The page itself connects to the broker over
WebSockets, or plays a file of messages.
"""
