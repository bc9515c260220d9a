"""The console: pages in a browser that show which devices are ill and why. A process of its own on the HTTP API.

`source` asks one service and `together` makes several look like one; each page is a module that turns what they told
into components; `app` puts the pages together and `serving` answers browsers. Everything a page needs is served from
here, so it works where no other host can be reached.
"""
