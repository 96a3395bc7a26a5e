#!/bin/sh
# The environment of mod_fcgid has only a PATH: use absolute paths.
cd "$HOME/app" 2>/dev/null || cd /home/me/app || exit 1
NODE_ENV=production exec /home/me/node/bin/node app.js
