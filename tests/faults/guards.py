"""The guards of SECURITY.md, and for each a test that fails without it."""

from __future__ import annotations

HERE = "tests/test_security.py::"
CLIENT = "tests/test_client.py::"
SETTINGS = "tests/test_settings.py::"
SESSION = "tests/transport/test_session.py::"
FETCHING = "tests/transport/test_fetching.py::"
SANDBOX = "tests/sandbox/test_server.py::"

GUARDS: dict[str, str] = {
    "the key is a secret of the settings": f"{SETTINGS}test_secrets_stay_out_of_repr_and_pickles",
    "a client does not pickle its key": f"{CLIENT}test_the_client_does_not_pickle_its_key",
    "aiohttp's errors stay inside": f"{CLIENT}test_the_key_is_nowhere[garbage]",
    "the key is in no local of our frames": f"{CLIENT}test_the_key_is_nowhere[refused]",
    "the key is in no local when a stranger's error passes": (
        f"{HERE}test_a_strangers_error_through_our_frames_tells_no_key"
    ),
    "the key is redacted in answers: calls": (
        f"{HERE}test_calls_that_hear_the_key_everywhere_keep_it_to_themselves"
    ),
    "the key is redacted in answers: ledger, gallery, events, logs, debug mode": (
        f"{HERE}test_a_run_that_hears_the_key_everywhere_keeps_it_to_itself"
    ),
    "the command line says no key": f"{HERE}test_the_command_line_says_no_key",
    "no option takes the key": "tests/cli/test_cli_help.py::test_no_option_takes_a_real_key",
    "errors are ours, and pickle": (
        "tests/test_errors.py::test_every_error_pickles_with_all_its_facts"
    ),
    "only our errors escape": f"{CLIENT}test_only_our_errors_escape",
    "the key is in no local when Python refuses an option": (
        f"{HERE}test_a_constructor_that_fails_tells_nothing_that_it_was_given[a misspelt option]"
    ),
    "verification cannot be switched off": f"{SETTINGS}test_verification_cannot_be_switched_off",
    "nor by a context": f"{SETTINGS}test_a_context_that_takes_any_certificate_is_refused[no]",
    "nor by a session": f"{SESSION}test_a_session_that_verifies_nothing_is_refused",
    "no line of the package is careless": f"{HERE}test_no_line_of_the_package_is_careless",
    "http:// to this machine alone": (
        "tests/test_environment.py::"
        "test_another_origin_is_refused_before_anything_is_sent[http://api.example]"
    ),
    "http:// through no proxy elsewhere": (
        f"{SESSION}test_plain_http_goes_through_no_proxy_elsewhere[True]"
    ),
    "photographs and key follow no redirect": (
        f"{SESSION}test_photographs_and_key_never_follow_a_redirect[True-307]"
    ),
    "results over https only": (
        f"{FETCHING}test_each_hop_is_checked_again[http://results.example/1.png]"
    ),
    "results from public addresses, as written": (
        f"{FETCHING}test_literal_private_addresses_are_refused_behind_a_proxy_too"
    ),
    "results from public addresses, at the socket": (
        f"{FETCHING}test_a_name_that_leads_to_local_addresses_is_refused_once[169.254.169.254]"
    ),
    "embedded IPv4 is unwrapped": (
        "tests/protocol/test_addresses.py::test_any_ipv4_is_judged_alike_in_every_disguise"
    ),
    "at most three hops": f"{FETCHING}test_three_redirects_are_enough",
    "each hop is judged again": (
        f"{FETCHING}test_each_hop_is_checked_again[http://results.example/1.png]"
    ),
    "a byte cap while streaming": f"{FETCHING}test_what_cannot_pass_is_tried_once[too large]",
    "nothing unpacked unasked": f"{FETCHING}test_what_cannot_pass_is_tried_once[packed]",
    "an answer is unpacked to a cap": f"{SESSION}test_a_bomb_is_unpacked_to_a_cap_only",
    "an answer is read to a cap": "tests/faults/test_envelope.py::test_a_gigabyte_is_not_read",
    "no result is a program that is run": (
        "tests/test_results.py::test_a_program_that_comes_as_a_result_is_not_run"
    ),
    "what a server says steers no terminal": (
        f"{FETCHING}test_what_a_server_says_steers_no_terminal[its own]"
    ),
    "results are fetched without the key": f"{HERE}test_results_are_fetched_without_the_key",
    "no cookies": f"{HERE}test_cookies_are_not_kept",
    "output names are made safe": (
        "tests/bulk/run/test_making.py::test_hostile_names_stay_in_the_folder"
    ),
    "device names": "tests/bulk/test_names.py::test_a_name_is_readable_and_safe[con-con-]",
    "no server names a file": (
        "tests/faults/test_results.py::test_a_server_names_no_file[/evil.exe]"
    ),
    "no file name reaches a header": (
        "tests/faults/test_images.py::test_file_names_never_reach_a_header[quotes]"
    ),
    "no header is injected": f"{SETTINGS}test_a_header_that_is_ours_or_none_is_refused[headers5]",
    "the ledger is its owner's": f"{HERE}test_everything_of_a_run_is_its_owners",
    "the gallery runs its own script alone": (
        "tests/bulk/lookbook/test_gallery.py::test_the_page_may_run_only_its_own_script_and_ask_for_nothing"
    ),
    "the sandbox binds loopback only": f"{SANDBOX}test_binds_loopback_only[0.0.0.0]",
    "the sandbox refuses foreign hosts": f"{SANDBOX}test_a_foreign_host_is_refused[evil.example]",
    "the sandbox takes its own keys alone": (
        f"{SANDBOX}test_refusals_in_order[options1-wrong-change1-30001]"
    ),
    "no photograph and no text is logged": f"{HERE}test_photographs_and_texts_are_not_logged",
    "pictures stay out of repr": "tests/protocol/test_images.py::test_bytes_stay_out_of_repr",
    "bodies stay out of repr": "tests/protocol/test_multipart.py::test_pictures_stay_out_of_repr",
    "dependencies have lower bounds": f"{HERE}test_every_dependency_has_a_lower_bound",
    "dependencies are audited": "tests/test_audit.py::test_a_known_vulnerability_fails",
    "silence is no audit": (
        "tests/test_audit.py::test_a_service_that_cannot_tell_is_said[knows nothing]"
    ),
}
