"""The live page: a skeleton in the room, numbers and events in a browser.

`server` serves the files in `web/` and `description`, with the limits of `bounded_http`, and only
where it is called by its own name (`own_hosts`). The page itself connects to the broker over
WebSockets, or plays a file of messages. Who may change something is decided by `access`, with codes
or a password (`page_password`), and asked for over HTTP by `sign_in`; `requests` tells this page's
own requests from those of other sites. `zone_edits` writes zones that are drawn on the page into
the configuration file (`zone_text`) and has the sensor go on with them.
"""
