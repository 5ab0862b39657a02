#!/usr/bin/env python3
"""Renders chat templates with Jinja, set up as `transformers` sets it up, for CorpusTests.

usage: chat.py [--python PYTHON] [--gguf MODEL.gguf ...]

Without --python a throw-away virtual environment with Jinja is made. SmolLM2's template is the
model's own (Apache-2.0); the other families' are written here in our own words: they keep the
constructs, and the shape of the text, of the models' templates. With --gguf nothing is written:
each file's own template must be one of those here, letter for letter.
"""
import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

JINJA = "jinja2==3.1.6"
HERE = pathlib.Path(__file__).resolve()
GOLDENS = HERE.parents[2] / "Tests/CorpusTests/Goldens/chat"

FAMILIES = {
    "smollm2": """\
{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system
You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>
' }}{% endif %}{{'<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}""",
    "chatml": """\
{% if not add_generation_prompt is defined %}
{% set add_generation_prompt = false %}
{% endif %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content | trim + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
""",
    "llama2": """\
{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}
{% for message in loop_messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate user/assistant/user/assistant') }}{% endif %}
{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}
{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}""",
    "llama3": """\
{{- bos_token }}
{#- The date is fixed unless the caller gives one. #}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {{- "These functions may be called, with JSON. " }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("One call of a tool at a time!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}" }}
        {{- "<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",
    "mistral": """\
{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}

{#- Users and assistants take turns. #}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
        {{- raise_exception("After the optional system message, conversation roles must alternate user and assistant roles") }}
    {%- endif %}
    {%- set ns.index = ns.index + 1 %}
{%- endfor %}

{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported, with the exception of an initial optional system message!") }}
    {%- endif %}
{%- endfor %}
{{- "[" ~ user_messages | length ~ "]" if show_count is defined else "" }}
""",
    "qwen3": """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n\\nThese signatures lie within <tools></tools>:\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools>\\n\\nCall as {\\"name\\": <function-name>, \\"arguments\\": <args-json-object>}<|im_end|>\\n" }}
{%- else %}
    {%- if messages[0].role == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {%- if loop.last or (not loop.last and reasoning_content) %}
                {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
            {%- else %}
                {{- '<|im_start|>' + message.role + '\\n' + content }}
            {%- endif %}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if (loop.first and content) or (not loop.first) %}
                    {{- '\\n' }}
                {%- endif %}
                {%- if tool_call.function %}
                    {%- set tool_call = tool_call.function %}
                {%- endif %}
                {{- '<tool_call>\\n{"name": "' }}
                {{- tool_call.name }}
                {{- '", "arguments": ' }}
                {%- if tool_call.arguments is string %}
                    {{- tool_call.arguments }}
                {%- else %}
                    {{- tool_call.arguments | tojson }}
                {%- endif %}
                {{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}""",
    "zephyr": """\
{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}
""",
    "gemma": """\
{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '
' + message['content'] | trim + '<end_of_turn>
' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model
'}}{% endif %}""",
}

TOOLS = [{"type": "function", "function": {
    "name": "weather", "description": "Wetter für einen Ort <b>&</b> \"Zeit\"",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}, "days": {
        "type": "integer", "default": 3, "scale": 0.5}}, "required": ["place"], "none": None,
        "flags": [True, False], "empty": {}, "nothing": []}}}]

SYSTEM = {"role": "system", "content": "Answer in one sentence. "}
USER = {"role": "user", "content": "  What is the tallest mountain?\n"}
ASSISTANT = {"role": "assistant", "content": "Mount Everest, at 8,849 m.\n"}
CONVERSATIONS = {
    "one": [USER],
    "pair": [USER, ASSISTANT],
    "system": [SYSTEM, USER],
    "long": [SYSTEM, USER, ASSISTANT, {"role": "user", "content": "Und der zweithöchste? 🏔️ e\u0301\r\n{{ x }} {% y %}"},
             {"role": "assistant", "content": "K2."}, {"role": "user", "content": ""}],
    "wrong order": [ASSISTANT, USER],
    "two users": [USER, USER],
    "thought": [USER, {"role": "assistant", "content": "<think>\nIs it K2? No.\n</think>\n\nEverest."},
                {"role": "user", "content": "Sure?"},
                {"role": "assistant", "content": "<think>\nYes.\n</think>\n\nYes."}],
    "reasoned": [USER, {"role": "assistant", "content": "Everest.", "reasoning_content": "\nhm\n"}],
    "tools": [SYSTEM, {"role": "user", "content": "Weather in Bern?"},
              {"role": "assistant", "content": "", "tool_calls": [
                  {"type": "function", "function": {"name": "weather", "arguments": {"place": "Bern", "days": 2}}}]},
              {"role": "tool", "content": "{\"sky\": \"blue\"}"}, {"role": "tool", "content": "12 °C"},
              {"role": "assistant", "content": "Blue, 12 °C."}],
    "two tools": [{"role": "user", "content": "Weather?"},
                  {"role": "assistant", "content": "Looking.", "tool_calls": [
                      {"name": "weather", "arguments": "{\"place\": \"Bern\"}"},
                      {"function": {"name": "weather", "arguments": {"place": "Genève"}}}]}],
    "other role": [USER, ASSISTANT, {"role": "critic", "content": "no"}],
}

# name: (template, variables)
DATA = {"n": 7, "z": 0, "f": 2.5, "big": 1e16, "small": 0.00001, "s": "Hello, World", "u": "naïve café 🏔️ ﬁn ß",
        "e": "", "yes": True, "no": False, "nil": None, "l": [3, 1, 2], "w": ["b", "A", "c", "a"],
        "d": {"b": 1, "a": "x", "items": "own"}, "o": [{"k": "x", "v": 1, "on": True}, {"k": "y", "v": 2}, {"k": "X", "v": 2, "on": False}],
        "m": "a\nbb\n\nccc\n", "q": "it's \"q\" \\ \t\x00\u00a0é\u200b", "r": "x\r\ny", "neg": -7}
MICRO = {
    # text and white space
    "plain": "no tags { here } %} }} #}",
    "trailing newline": "a\n",
    "two trailing newlines": "a\n\n",
    "crlf source": "a\r\n{% if yes %}\r\nb\r\n{% endif %}\r\nc\rd",
    "output newline stays": "{{ n }}\n{{ n }}\n",
    "block newline goes": "{% if yes %}\nx\n{% endif %}\ny",
    "block newline two": "{% if yes %}\n\nx{% endif %}\n\ny",
    "lstrip block": "a\n   {% if yes %}b{% endif %}\n   \t{% if yes %}c{% endif %}",
    "lstrip start": "   {% if yes %}b{% endif %}",
    "no lstrip after text": "a   {% if yes %}b{% endif %}",
    "no lstrip of output": "a\n   {{ n }}",
    "lstrip after output": "{{ n }}   {% if yes %}b{% endif %}",
    "lstrip after block": "{% if yes %}\n   {% if yes %}b{% endif %}{% endif %}",
    "plus keeps": "a\n   {%+ if yes %}b{% endif +%}\nc",
    "minus both": "a \n {%- if yes -%} \n b \n {%- endif -%} \n c",
    "minus output": "a \n {{- n -}} \n b",
    "minus left": "a \n {{- n }} \n b",
    "plus output": "a \n {{+ n }} b",
    "comment": "a{# c #}b\n  {# c #}\nd{#- e -#}  f {#+ g +#}\nh",
    "comment multiline": "a\n{# one\n two {{ x }} {% if %} #}\nb",
    "comment dashes": "a {#-#} b {#--#} c",
    "raw": "a {% raw %}{{ x }} {% if %}{% endraw %} b",
    "raw trim": "a {%- raw -%}\n {{ x }} {%- endraw -%}\n b",
    "raw lines": "a\n{% raw %}\n  {{ x }}\n  {% endraw %}\nb",
    "percent in output": "{{ n % 4 }}%}",
    "braces in output": "{{ {'a': {'b': 1}}['a']['b'] }}{{ {'a':{}} }}",
    "tag in string": "{{ '%} }} {# #}' }}{% if '%}' %}x{% endif %}",
    # literals
    "literals": "{{ 1 }} {{ 1_000 }} {{ 1.5 }} {{ 1e3 }} {{ 2.5e-7 }} {{ true }} {{ False }} {{ none }} {{ None }} {{ 'a' }} {{ \"b\" }}",
    "escapes": "{{ 'a\\nb\\t\\'\\\\ \\x41 \\u00e9 \\U0001F600 \\q \\/' }}|{{ \"\\\"'\" }}",
    "string with line end": "{{ 'a\nb' }}",
    "string crlf": "{{ 'a\r\nb' }}",
    "adjacent strings": "{{ 'a' \"b\" 'c' }}",
    "list dict tuple": "{{ [1, 'a', none, true, 2.0,] }} {{ {'a': 1, 'b': [1]} }} {{ (1, 2) }} {{ (1,) }} {{ () }} {{ 1, 2 }} {{ [] }} {{ {} }}",
    "reprs": "{{ [q] }} {{ [u] }} {{ ['it\\'s', 'a\"b'] }}",
    "floats": "{{ 0.1 }} {{ 1e15 }} {{ 123456789012345678.0 }} {{ big }} {{ small }} {{ 0.0001 }} {{ 1.0 }} {{ 100.0 }} {{ 1e22 }} {{ 1e-7 }} {{ -0.0 }} {{ 12345.678 }}",
    # access
    "attribute": "{{ d.a }} {{ d['b'] }} {{ o[0].k }} {{ o[-1]['v'] }} {{ l.0 }} {{ s[0] }} {{ u[-1] }}",
    "missing": "[{{ missing }}] [{{ d.zz }}] [{{ d['zz'] }}] [{{ l[9] }}] [{{ s.zz }}] [{{ n.zz }}] [{{ nil.zz }}]",
    "items shadows": "{{ d['items'] }} {{ d.items() | list | length }}",
    "slices": "{{ l[1:] }} {{ l[:-1] }} {{ l[::-1] }} {{ s[1:4] }} {{ s[::-1] }} {{ l[::2] }} {{ l[-2:] }} {{ l[5:] }} {{ l[:100] }} {{ s[-3:-1] }} {{ l[2:0:-1] }} {{ l[-100:2] }} {{ u[2:6] }} {{ (1,2,3)[1:] }} {{ l[none:2] }}",
    # operators
    "sums": "{{ 1 + 2 * 3 - 4 }} {{ 7 / 2 }} {{ 7 // 2 }} {{ neg // 2 }} {{ neg % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 1.5 + 1 }} {{ 4 / 2 }} {{ true + 1 }} {{ -n }} {{ +n }} {{ - 2 ** 2 }} {{ 2 ** 3 ** 2 }}",
    "concat": "{{ 'a' ~ 1 ~ none ~ 2.0 ~ [1] ~ missing }} {{ 'a' + 'b' }} {{ 'ab' * 3 }} {{ [1] + [2] }} {{ [0] * 3 }} {{ 2 ~ 3 * 4 }} {{ (1,) + (2,) }}",
    "comparisons": "{{ 1 < 2 }} {{ 1 <= 1.0 }} {{ 1 == 1.0 }} {{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ 'a' != 'a' }} {{ 1 < 2 < 3 }} {{ 3 > 2 > 2 }} {{ [1,2] < [1,3] }} {{ 1 == '1' }} {{ true == 1 }} {{ none == none }} {{ missing == missing2 }} {{ {'a':1} == {'a':1.0} }} {{ 'é' == 'e\u0301' }} {{ (1,) == [1] }}",
    "membership": "{{ 'a' in 'cat' }} {{ 'x' not in 'cat' }} {{ 2 in l }} {{ 'b' in d }} {{ 'zz' in d }} {{ 1.0 in l }} {{ '' in 'a' }} {{ 'a' in missing }} {{ not 1 in l }} {{ 'e' in 'e\u0301' }}",
    "logic": "{{ 1 and 2 }} {{ 0 or 'x' }} {{ not 0 }} {{ '' or none }} {{ 1 or missing.x }} {{ 0 and missing.x }} {{ not '' and 1 }} {{ true or false and false }}",
    "ternary": "{{ 'a' if yes else 'b' }} {{ 'a' if no else 'b' }} [{{ 'a' if no }}] {{ 1 if no else 2 if no else 3 }} {{ ('a' if yes else 'b') ~ 'c' }}",
    "precedence": "{{ 'a' ~ 'b' | upper }} {{ 1 + 2 | string | length }} {{ -3 | abs }} {{ not missing is defined }} {{ l | length > 2 and n is odd }} {{ l|length == 3 }} {{ 'x' in ['x'] | list }}",
    # tests
    "tests": "{% for v in [n, f, s, nil, yes, no, l, d, (1,2), missing, ''] %}{{ v is defined }},{{ v is undefined }},{{ v is none }},{{ v is string }},{{ v is mapping }},{{ v is sequence }},{{ v is iterable }},{{ v is number }},{{ v is integer }},{{ v is float }},{{ v is boolean }},{{ v is true }},{{ v is false }};{% endfor %}",
    "tests operands": "{{ n is divisibleby 7 }} {{ n is divisibleby(2) }} {{ n is odd }} {{ n is even }} {{ n is eq 7 }} {{ n is ne 7 }} {{ n is lt 8 }} {{ n is gt(8) }} {{ n is ge 7 }} {{ 2 is in l }} {{ 2 is not in l }} {{ n is not none }} {{ 'a' is lower }} {{ 'A1' is upper }} {{ '1' is upper }} {{ n is equalto 7 }} {{ none is sameas none }} {{ missing is not defined }}",
    "test then else": "{{ 'a' if missing is defined else 'b' }}{{ 'a' if s is string and n is number else 'b' }}",
    # filters
    "text filters": "{{ '  a b ' | trim }}| {{ 'xxaxx' | trim('x') }} {{ s | upper }} {{ s | lower }} {{ 'hELLO wORLD' | capitalize }} {{ \"it's a (big) day-time\" | title }} {{ s | replace('l', 'L') }} {{ s | replace('l', 'L', 1) }} {{ 5 | string ~ 1 }} {{ s | safe }} {{ u | upper }} {{ u | title }} {{ e | capitalize }}",
    "trim space kinds": "[{{ '\\u00a0\\n\\t a \\u2003\\x1c' | trim }}]",
    "numbers": "{{ '12' | int }} {{ ' 3.9 ' | int }} {{ 'x' | int }} {{ 'x' | int(5) }} {{ 3.9 | int }} {{ -3.9 | int }} {{ '2.5' | float }} {{ 'x' | float }} {{ 3 | float }} {{ true | int }} {{ -4 | abs }} {{ -4.5 | abs }}",
    "default": "{{ missing | default('x') }} {{ e | default('x') }}| {{ e | default('x', true) }} {{ none | d('y') }} {{ none | default('y', boolean=true) }} [{{ missing | default }}] {{ d.zz | default(1) }}",
    "length": "{{ l | length }} {{ u | length }} {{ d | count }} {{ e | length }} {{ r | length }} {{ missing | length }}",
    "list filters": "{{ l | first }} {{ l | last }} [{{ [] | first }}] {{ l | reverse | list }} {{ 'abc' | reverse }} {{ 'abc' | list }} {{ d | list }} {{ l | sum }} {{ l | min }} {{ l | max }} {{ 'cab' | last }}",
    "join": "{{ l | join }} {{ l | join(', ') }} {{ o | join('-', attribute='k') }} {{ w | join('/') }} {{ [1, none, 'a', 2.0] | join('.') }} {{ 'abc' | join('+') }}",
    "sort": "{{ l | sort }} {{ l | sort(reverse=true) }} {{ w | sort }} {{ w | sort(case_sensitive=true) }} {{ o | sort(attribute='v') | map(attribute='k') | join }} {{ o | sort(attribute='v', reverse=true) | map(attribute='k') | join }} {{ d | dictsort }} {{ w | unique | list }} {{ w | unique(case_sensitive=true) | list }}",
    "items filter": "{% for k, v in d | items %}{{ k }}={{ v }};{% endfor %}{{ missing | items | list }}",
    "select": "{{ o | selectattr('on') | map(attribute='k') | join }} {{ o | selectattr('v', 'equalto', 2) | map(attribute='k') | join }} {{ o | rejectattr('on') | map(attribute='k') | join(',') }} {{ l | select('odd') | list }} {{ l | reject('gt', 1) | list }} {{ [0, 1, '', 'a'] | select | list }} {{ o | selectattr('on', 'defined') | list | length }} {{ o | selectattr('v', 'in', [1]) | list | length }}",
    "map": "{{ w | map('upper') | join }} {{ o | map(attribute='on', default='-') | join(',') }} {{ w | map('replace', 'a', 'z') | list }} {{ [[1,2],[3,4]] | map(attribute=1) | list }} {{ [{'a': {'b': 5}}] | map(attribute='a.b') | first }}",
    "tojson": "{{ d | tojson }} {{ o | tojson }} {{ [1.0, 1e16, none, true, q, u, '<&>', '/\\u007f'] | tojson }} {{ u | tojson(ensure_ascii=true) }} {{ {} | tojson }} {{ (1, 2) | tojson }} {{ 'a' | tojson }} {{ 3 | tojson }}",
    "tojson indent": "{{ o | tojson(indent=2) }}\n{{ {'a': [], 'b': {}, 'c': [1, [2]]} | tojson(indent=4) }}\n{{ [1, 2] | tojson(indent=0) }}\n{{ l | tojson(separators=(',', ':')) }} {{ d | tojson(sort_keys=true) }}",
    "indent": "{{ m | indent }}|{{ m | indent(2, true) }}|{{ m | indent(2, blank=true) }}|{{ m | indent('> ', first=true) }}|{{ 'x' | indent }}",
    "filter chain": "{{ [' b ', ' a '] | map('trim') | sort | join(',') | upper }}",
    "filter block": "{% filter upper | replace('A', 'b') %}aXc{{ n }}{% endfilter %}",
    # methods
    "strip": "[{{ '  a '.strip() }}] [{{ ' a '.lstrip() }}] [{{ ' a '.rstrip() }}] [{{ 'xyaxy'.strip('yx') }}] [{{ '\\n\\na\\n'.lstrip('\\n') }}] {{ 'aab'.lstrip('a').rstrip('b') }}",
    "affixes": "{{ s.startswith('He') }} {{ s.endswith('ld') }} {{ s.startswith('x') }} {{ s.startswith(('x', 'H')) }} {{ r.startswith('x\\r') }} {{ 'é'.startswith('e') }} {{ 'e\u0301'.startswith('e') }} {{ s.removeprefix('He') }} {{ s.removesuffix('World') }} {{ s.endswith('') }}",
    "split": "{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a b c '.split(none, 1) }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ''.split(',') }} {{ ''.split() }} {{ 'a</t>b'.split('</t>')[-1] }} {{ 'a\\nb\\r\\nc\\n'.splitlines() }} {{ 'aXbXc'.split('X', maxsplit=1) }}",
    "cases": "{{ s.upper() }} {{ s.lower() }} {{ \"they're bill's\".title() }} {{ 'hELLO'.capitalize() }} {{ 'ß'.upper() }} {{ 'ﬁn'.title() }} {{ 'a1b'.title() }}",
    "replace method": "{{ s.replace('o', '0') }} {{ s.replace('o', '0', 1) }} {{ 'abc'.replace('', '-') }} {{ 'aaa'.replace('aa', 'b') }} {{ r.replace('\\r', '') | length }} {{ 'ab'.replace('', '-', 1) }}",
    "finds": "{{ s.find('o') }} {{ s.rfind('o') }} {{ s.find('zz') }} {{ s.count('l') }} {{ '🏔️x'.find('x') }} {{ ', '.join(w) }} {{ l.index(2) }} {{ l.count(1) }}",
    "kinds": "{{ '12'.isdigit() }} {{ '1a'.isdigit() }} {{ 'ab'.isalpha() }} {{ ' '.isspace() }} {{ ''.isdigit() }}",
    "dictionary methods": "{{ d.get('a') }} {{ d.get('zz') }} {{ d.get('zz', 5) }} {% for k, v in d.items() %}{{ k }}:{{ v }} {% endfor %}{% for k in d.keys() %}{{ k }}{% endfor %} {% for v in d.values() %}{{ v }}{% endfor %} {{ d.items() | map('first') | join }}",
    # statements
    "if chain": "{% for i in range(4) %}{% if i == 0 %}a{% elif i == 1 %}b{% elif i == 2 %}c{% else %}d{% endif %}{% endfor %}",
    "loop variables": "{% for x in w %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}[{{ loop.previtem }}|{{ loop.nextitem }}] {% endfor %}",
    "loop next defined": "{% for x in l %}{{ loop.nextitem is defined }}{{ loop.previtem is not defined }}{% endfor %}",
    "loop if": "{% for x in l if x > 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }} {% endfor %}",
    "loop else": "{% for x in [] %}a{% else %}b{% endfor %}{% for x in l if x > 9 %}a{% else %}c{% endfor %}",
    "loop unpack": "{% for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }} {% endfor %}{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "loop nested": "{% for a in l %}{% for b in w %}{% if loop.last %}{{ a }}{{ b }}{{ loop.index }}{% endif %}{% endfor %}{{ loop.index }} {% endfor %}",
    "loop kinds": "{% for c in 'añ🏔️' %}[{{ c }}]{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for x in missing %}x{% endfor %}{% for x in 1, 2 %}{{ x }}{% endfor %}",
    "break continue": "{% for x in range(9) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "ranges": "{{ range(3) | list }} {{ range(1, 7, 2) | list }} {{ range(3, 0, -1) | list }} {{ range(0) | list }}",
    "loop scope": "{% set x = 1 %}{% for i in l %}{% set x = i %}{{ x }}{% endfor %}{{ x }}",
    "if scope": "{% if yes %}{% set x = 2 %}{% endif %}{{ x }}",
    "namespace": "{% set ns = namespace(a=0, b='x') %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}[{{ ns.zz }}]{% set ns.zz = 3 %}{{ ns.zz }}",
    "namespace of dict": "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }} {{ dict(a=1, b='x') }}",
    "set tuple": "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set t = 1, 2 %}{{ t }}{% set a, b = b, a %}{{ a }}{{ b }}",
    "set block": "{% set x %}a{{ n }}b{% endset %}[{{ x }}]{% set y | upper %}abc{% endset %}{{ y }}",
    "set shadows": "{% set n = n + 1 %}{{ n }}{% set s = s | upper %}{{ s }}",
    "with": "{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}[{{ a }}]{% with %}{% set a = 5 %}{{ a }}{% endwith %}[{{ a }}]",
    "macro": "{% macro m(a, b='x', c=none) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(a=3, c=4) }}{{ m() }}",
    "macro recursion": "{%- macro show(v, depth=0) -%}{%- if v is mapping -%}{%- for k, x in v | items -%}{{ '  ' * depth }}{{ k }}:\n{{ show(x, depth + 1) }}{%- endfor -%}{%- else -%}{{ '  ' * depth }}{{ v }}\n{% endif -%}{%- endmacro -%}{{ show({'a': {'b': 1}, 'c': 2}) }}",
    "macro scope": "{% set g = 1 %}{% macro m() %}{{ g }}{{ n }}{% set g2 = 5 %}{% endmacro %}{% set g = 2 %}{{ m() }}[{{ g2 }}]{{ m() | trim | length }}",
    "macro parameter default": "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}",
    "generation": "a{% generation %}b{{ n }}{% endgeneration %}c\n{%- generation -%} d {%- endgeneration -%}",
    "long output": "{% for i in range(30) %}{{ i }}{{ ',' if not loop.last }}{% endfor %}",
    "comment in tag line": "{% if yes %}a{% endif %}{# x #}\nb",
    "expression over lines": "{{ {\n  'a': [1,\n 2],\n}['a']\n | join(',') }}",
    # what fails
    "error raise": "{{ raise_exception('no ' ~ n) }}",
    "error member of undefined": "{{ missing.x }}",
    "error member of missing member": "{{ d.zz.x }}",
    "error element of undefined": "{{ missing[0] }}",
    "error add": "{{ 'a' + 1 }}",
    "error add undefined": "{{ 'a' + missing }}",
    "error call": "{{ s() }}",
    "error unknown function": "{{ nosuch(1) }}",
    "error unknown filter": "{{ s | nosuch }}",
    "error unknown test": "{{ s is nosuch }}",
    "error unknown statement": "{% nosuch %}",
    "error open output": "{{ n",
    "error open block": "{% if yes",
    "error open if": "{% if yes %}a",
    "error open comment": "{# a",
    "error open string": "{{ 'a }}",
    "error open raw": "{% raw %}a",
    "error stray end": "{% endif %}",
    "error stray else": "{% else %}",
    "error bracket": "{{ (1 }}",
    "error wrong bracket": "{{ (1] }}",
    "error empty output": "{{ }}",
    "error set attribute": "{% set d.x = 1 %}",
    "error unpack": "{% for a, b in [[1]] %}{% endfor %}",
    "error loop number": "{% for a in 5 %}{% endfor %}",
    "error loop none": "{% for a in nil %}{% endfor %}",
    "error divide": "{{ 1 // 0 }}",
    "error order": "{{ 1 < 'a' }}",
    "error append": "{{ l.append(1) }}",
    "error update": "{{ d.update({}) }}",
    "error range": "{{ range(1000000) | list }}",
    "error in number": "{{ 1 in 5 }}",
    "error macro argument": "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}",
    "error macro name": "{% macro m(a) %}{% endmacro %}{{ m(b=2) }}",
    "error tojson undefined": "{{ missing | tojson }}",
    "error break outside": "{% break %}",
    "error keyword order": "{{ dict(a=1, 2) }}",
    "error private": "{{ ''.__class__.x }}",
}


def render(template, variables):
    import jinja2
    import jinja2.ext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(jinja2.ext.Extension):
        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return jinja2.nodes.CallBlock(self.call_method("_plain"), [], [], body).set_lineno(line)

        def _plain(self, caller):
            return caller()

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    return environment.from_string(template).render(**variables)


def outcome(template, variables):
    """What the template renders, or null when it fails."""
    try:
        return render(template, variables)
    except Exception:
        return None


def variables_of(case):
    return {"messages": case["messages"], "tools": None, "documents": None,
            "add_generation_prompt": case["addGenerationPrompt"],
            "bos_token": "<s>", "eos_token": "</s>", **case["extra"]}


def family_cases():
    for family, template in FAMILIES.items():
        for name, messages in CONVERSATIONS.items():
            for prompt in (False, True):
                for label, extra in (("", {}), (", tools", {"tools": TOOLS}),
                                     (", variables", {"enable_thinking": False, "show_count": 1, "date_string": "1 May 2025"})):
                    if label and not (prompt and family in ("qwen3", "llama3", "mistral") and name in ("one", "system", "tools")):
                        continue
                    case = {"name": f"{family}, {name}{', prompt' if prompt else ''}{label}", "template": family,
                            "messages": messages, "addGenerationPrompt": prompt, "extra": extra}
                    case["expected"] = outcome(template, variables_of(case))
                    yield case


def micro_cases():
    for name, template in MICRO.items():
        expected = outcome(template, DATA)
        if (expected is None) != name.startswith("error"):
            sys.exit(f"the case {name!r} gave {expected!r}")
        yield {"name": name, "template": template, "expected": expected}


def check_gguf(paths):
    import gguf
    for path in paths:
        own = gguf.GGUFReader(path).fields["tokenizer.chat_template"].contents()
        twins = [family for family, template in FAMILIES.items() if template == own]
        print(f"{path}: {'the same template as ' + twins[0] if twins else 'no twin here'}")
        if not twins:
            sys.exit(1)


def write():
    import jinja2
    GOLDENS.mkdir(parents=True, exist_ok=True)
    documents = {
        "families.json": {"templates": FAMILIES, "cases": list(family_cases())},
        "constructs.json": {"variables": DATA, "cases": list(micro_cases())},
    }
    hashes = {}
    for name, document in documents.items():
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        (GOLDENS / name).write_text(text, encoding="utf-8")
        hashes[name] = hashlib.sha256(text.encode()).hexdigest()
    manifest = {"script": "scripts/goldens/chat.py", "python": sys.version.split()[0],
                "versions": {"jinja2": jinja2.__version__}, "sha256": hashes}
    (GOLDENS / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    print({name: len(document["cases"]) for name, document in documents.items()})


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--python", help="an interpreter that has jinja2 (and gguf, for --gguf)")
    arguments.add_argument("--gguf", nargs="+", default=[])
    options = arguments.parse_args()
    if os.environ.get("CHAT_GOLDENS_INSIDE") == "1":
        return check_gguf(options.gguf) if options.gguf else write()
    environment = dict(os.environ, CHAT_GOLDENS_INSIDE="1")
    forwarded = ["--gguf", *options.gguf] if options.gguf else []
    if options.python:
        sys.exit(subprocess.call([options.python, str(HERE), *forwarded], env=environment))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.check_call([sys.executable, "-m", "venv", folder])
        python = os.path.join(folder, "bin", "python")
        subprocess.check_call([python, "-m", "pip", "install", "--quiet", JINJA, *(["gguf"] if options.gguf else [])])
        sys.exit(subprocess.call([python, str(HERE), *forwarded], env=environment))


if __name__ == "__main__":
    main()
