#!/bin/sh
# The environment of mod_fcgid has no more than a PATH: whole paths, please.
cd "$HOME/app" 2>/dev/null || cd /home/me/app || exit 1
NODE_ENV=production exec /home/me/node/bin/node app.js
