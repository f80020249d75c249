"""Puts each az call (a JSON list of arguments on each line of stdin) through the real azure-cli's parser: no login, no network.

Prints `ok` or what the parser said, one line a call."""
import contextlib
import io
import json
import os
import sys
import tempfile

os.environ["AZURE_CONFIG_DIR"] = tempfile.mkdtemp()
os.environ["AZURE_CORE_COLLECT_TELEMETRY"] = "false"
from azure.cli.core.commands.events import EVENT_INVOKER_POST_LOAD_ARGUMENTS, EVENT_INVOKER_PRE_LOAD_ARGUMENTS  # noqa: E402
from knack.events import EVENT_INVOKER_POST_CMD_TBL_CREATE  # noqa: E402
from azure.cli.core import get_default_cli  # noqa: E402

def parse(argv):
    """What the parser says against this call, or None."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            cli = get_default_cli()
            invocation = cli.invocation_cls(
                cli_ctx=cli, parser_cls=cli.parser_cls, commands_loader_cls=cli.commands_loader_cls, help_cls=cli.help_cls)
            cli.invocation = invocation
            loader = invocation.commands_loader
            loader.load_command_table(argv)
            command = invocation._rudimentary_get_command(argv)
            if command not in loader.command_table:
                return f"no such command: {command}"
            invocation.data["command_string"] = command
            loader.command_table = {command: loader.command_table[command]}
            # With this event azure-cli adds --subscription to every command.
            cli.raise_event(EVENT_INVOKER_PRE_LOAD_ARGUMENTS, commands_loader=loader)
            loader.load_arguments(command)
            invocation.parser.cli_ctx = cli
            # With these events azure-cli adds --ids, which stands for --name and --resource-group.
            for event in (EVENT_INVOKER_POST_LOAD_ARGUMENTS, EVENT_INVOKER_POST_CMD_TBL_CREATE):
                cli.raise_event(event, commands_loader=loader)
            invocation.parser.load_command_table(loader)
            invocation.parser.parse_args(argv)
    except SystemExit as stop:
        if stop.code:
            return said.getvalue().strip().replace("\n", " ")[:300] or f"exit {stop.code}"
    except Exception as err:  # the parser's own errors are answers too
        return f"{type(err).__name__}: {err}"
    return None


for line in sys.stdin:
    print(parse(json.loads(line)) or "ok", flush=True)
