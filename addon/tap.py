"""For mitmproxy: `mitmdump -s addon/tap.py --mode reverse:https://api.openai.com --set tap_db=FILE`."""

from responses_tap.mitm.addon import Capture

addons = [Capture()]
