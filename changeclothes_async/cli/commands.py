"""The command `changeclothes` and the list of what it can do."""

from __future__ import annotations

import click

from changeclothes_async.cli import calls, demo, ledgers, printing, running, runs, serving

_EXIT_CODES = (
    "0    all went well",
    "1    the call failed, or some cells failed, are unsure or were not sent",
    "2    wrong usage, bad input, or no key",
    "3    a problem with the account: its key or its credits",
    "4    unsure: sent, but no answer came; it may be paid for",
    "130  interrupted",
)
_EXAMPLES = (
    "changeclothes demo                  # a grid without an account: look at this first",
    "changeclothes try-on model.jpg dress.jpg --category dresses -o look.webp",
    "changeclothes grid --models photos/models --garments photos/garments --out lookbook",
)
_COMPLETION = (
    'eval "$(_CHANGECLOTHES_COMPLETE=bash_source changeclothes)"   # ~/.bashrc',
    'eval "$(_CHANGECLOTHES_COMPLETE=zsh_source changeclothes)"    # ~/.zshrc, after compinit',
    "_CHANGECLOTHES_COMPLETE=fish_source changeclothes | source    # ~/.config/fish/config.fish",
)


class _Group(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            printing.result(ctx.get_help())  # click's would go to stderr, past a pager
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        running.lines(formatter, "Examples", _EXAMPLES)
        running.lines(formatter, "Exit codes", _EXIT_CODES)
        running.lines(
            formatter, "Tab completion: add a line to the shell's startup file", _COMPLETION
        )

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        return list(self.commands)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="changeclothes-async", prog_name="changeclothes")
def changeclothes() -> None:
    """Virtual try-on with the Change Clothes AI API: nothing paid twice, nothing paid lost.

    The key comes from CHANGECLOTHES_API_KEY; CHANGECLOTHES_BASE_URL may name another origin. There
    is no option for the key: other users of the machine could read it in the list of processes.
    """


for command in (
    demo.demo,
    calls.try_on,
    calls.prompt,
    runs.grid,
    runs.batch,
    ledgers.ledger,
    serving.serve,
):
    changeclothes.add_command(command)
