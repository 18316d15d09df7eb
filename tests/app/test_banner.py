"""What `talkpath run` says is true of what it runs with."""

import pytest

from talkpath.app.config.routing import Routing
from talkpath.app.config.tree import Config
from talkpath.app.node.banner import banner
from talkpath.base.texts import Language


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("script", ["", "/etc/talkpath/routing.py"])
def test_numbers_are_promised_where_no_script_decides(script: str, language: Language) -> None:
    said = banner(Config(routing=Routing(script=script)), (), 3, "", " --state DIR", language)
    assert ("  echo " in said) is not bool(script)
    assert (script in said and "talkpath route" in said and "--state DIR" in said) or not script
