import Testing

@testable import Corpus

/// Templates that ask for more than any conversation needs.
@Suite struct TemplateBudgetTests {
  private func render(_ source: String) throws -> String {
    try ChatTemplate(source, location: "template").render(
      messages: [ChatMessage(role: "user", content: "hi")], addGenerationPrompt: true)
  }

  private static let deepened = "{% set ns.a = [ns.a, ns.a] %}"

  @Test(arguments: [
    // Turns that do nothing.
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) if range(99999) is none %}{% endfor %}",
    // Texts that grow.
    "{% set ns = namespace(a='aaaaaaaa') %}{% for i in range(60) %}{% set ns.a = ns.a + ns.a %}{% endfor %}",
    "{% set ns = namespace(a='aaaaaaaa') %}{% for i in range(60) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}",
    "{{ (['a' * 9000000] * 200)|join|length }}",
    "{{ ('a' * 9000000)|replace('a', 'a' * 9000000)|length }}",
    "{{ ('a' * 9000000).replace('', 'a' * 9000000)|length }}",
    "{{ ('a' * 9000000).join(['b'] * 9000)|length }}",
    "{{ ('\n' * 500000)|indent(9999, true, true)|length }}",
    "{{ ('x' * 9000000)|list|length }}",
    // Values that are small in memory.
    "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}\(deepened){% endfor %}{{ ns.a }}",
    """
    {% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}\(deepened)\
    {% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}
    """,
    """
    {% set ns = namespace(a=[1]) %}{% for i in range(300) %}{% set ns.a = [ns.a] * 3 %}{% endfor %}\
    {{ ns.a|tojson(indent=100) }}
    """,
    "{{ range(90000)|list|tojson(indent=' ' * 9000)|length }}",
    // Values that are released as deep as they are.
    "{% set ns = namespace(a=[1]) %}{% for i in range(90000) %}{% set ns.a = [ns.a] %}{% endfor %}",
    "{% set ns = namespace(a={}) %}{% for i in range(90000) %}{% set ns.a = {'k': ns.a} %}{% endfor %}",
    "{% set ns = namespace() %}{% for i in range(90000) %}{% set ns.a = namespace(b=ns.a) %}{% endfor %}",
    """
    {% set ns = namespace(a=[]) %}{% for i in range(90000) %}{% set n = namespace() %}\
    {% set n.b = ns.a %}{% set ns.a = n %}{% endfor %}
    """,
    """
    {% set ns = namespace() %}{% for i in range(90000) %}{% set p = ns.m %}{% macro m() %}{% endmacro %}\
    {% set ns.m = m %}{% endfor %}
    """,
    // Work within filters, methods and comparisons.
    "{% set s = 'a' * 9000000 %}{% for i in range(90000) %}{% set x = s|upper %}{% endfor %}",
    "{% set s = 'a' * 9000000 %}{% for i in range(90000) %}{% set x = s.strip() %}{% endfor %}",
    "{% set s = 'a' * 9000000 %}{% for i in range(90000) %}{% set x = s == s ~ '' %}{% endfor %}",
    "{% set s = 'a' * 9000000 %}{% for i in range(90000) %}{% set x = s[-1] %}{% endfor %}",
    "{% for i in range(90000) %}{% set x = range(90000)|reject('none')|select('none')|list %}{% endfor %}",
    "{{ range(99999)|unique|list|length }}",
    "{{ ([[1]] * 99999)|sum(start=[])|length }}",
    "{% for i in range(90000) %}{% set x = s is lower %}{% set s = 'a' * 9000000 %}{% endfor %}",
    "{% set l = range(90000)|list %}{{ l|select('in', l)|list|length }}",
    "{{ (['a'] * 90000)|map('replace', 'a', 'a' * 9000000)|list|length }}",
    "{{ ([[1]] * 9000)|map('tojson', indent=90)|map('indent', 9000, true)|list|length }}",
    "{% set s = 'é' * 200000 %}{% for i in range(90000) %}{% for c in s %}{% break %}{% endfor %}{% endfor %}",
    "{% set s = ['é' * 4000000] %}{% for i in range(90000) %}{% set x = s ~ '' %}{% endfor %}",
    "{% for i in range(90000) %}{% set x = s[k] %}{% set k = ['é' * 4000000] %}{% endfor %}",
    // Many small parts.
    "{{ (',' * 9000000).split(',')|length }}",
    "{{ (' a' * 4000000).split()|length }}",
    "{{ ('\n' * 9000000).splitlines()|length }}",
    // Blocks, macros and expressions within each other.
    """
    {% macro m(n) %}\(String(repeating: "{% if true %}", count: 95)){{ m(n + 1) }}\
    \(String(repeating: "{% endif %}", count: 95)){% endmacro %}{{ m(0) }}
    """,
    // More text than a conversation has.
    "{% for i in range(60) %}{{ 'a' * 60000 }}{% endfor %}",
  ]) func `Is refused within a moment, and says which limit it met`(source: String) {
    let clock = ContinuousClock()
    let start = clock.now
    let error = #expect(throws: ChatTemplateError.self, "\(source)") { try render(source) }
    #expect(clock.now - start < .seconds(20), "\(source)")
    let text = error?.description ?? ""
    #expect(
      ["the template ", "a macro cannot be kept", "nest deeper than"].contains {
        text.contains($0)
      },
      "\(source): \(text)")
  }

  @Test(arguments: [
    "{{ ''|list|length }}{{ ('' * 9000000000000)|length }}", "{{ ([] * 9000000000000)|length }}",
  ])
  func `Nothing, however often, is nothing`(source: String) throws {
    #expect(try render(source).allSatisfy { $0 == "0" })
  }

  @Test func `Templates too large, too deep or of too many parts are refused before they run`() {
    let links = String(repeating: " + 1", count: 150)
    let nested = String(repeating: "(", count: 90) + "1" + String(repeating: links + ")", count: 90)
    let names = (0..<300).map { "a\($0)" }
    for (source, words) in [
      ("{{ \(nested) }}", "expressions nest deeper than 400 levels"),
      (
        String(repeating: "a", count: 2_000_000), "the template has 2000000 bytes, expected at most"
      ),
      ("{{ dict(\(names.map { $0 + "=1" }.joined(separator: ","))) }}", "more than 256 arguments"),
      ("{% macro m(\(names.joined(separator: ","))) %}{% endmacro %}", "more than 256 arguments"),
    ] {
      let error = #expect(throws: ChatTemplateError.self) { try render(source) }
      #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }
  }

  @Test func `What a template says of itself is cut short`() {
    let error = #expect(throws: ChatTemplateError.self) {
      try render("{{ raise_exception('a' * 100000) }}")
    }
    #expect(error?.kind == .raised)
    #expect((error?.description.utf8.count ?? 0) < 1000)
  }

  @Test func `Long conversations may be asked for their length at every turn`() throws {
    let source = """
      {%- for m in messages -%}
      {%- if loop.index0 == messages|length - 1 %}{{ (messages|last).role }}{% endif -%}
      {%- if not loop.first and messages[loop.index0 - 1].role == m.role %}twice{% endif -%}
      {%- endfor -%}
      """
    let messages = (0..<3000).map {
      ChatMessage(role: $0 % 2 == 0 ? "user" : "assistant", content: "Yes.")
    }
    let text = try ChatTemplate(source, location: "template").render(
      messages: messages, addGenerationPrompt: false)
    #expect(text == "assistant")
  }

  @Test func `Texts are replaced, counted and found as before`() throws {
    #expect(
      try render("{{ 'abcabc'.replace('bc', 'X') }} {{ 'aaaa'.replace('aa', 'b', 1) }}")
        == "aXaX baa")
    #expect(
      try render("{{ 'äbäb'.find('b') }}{{ 'äbäb'.rfind('b') }}{{ 'äbäb'.count('b') }}") == "132")
  }

  @Test func `Looking for a text takes a time that grows with the lengths`() throws {
    #expect(try render("{{ ('a' * 1000000 ~ 'b') in ('a' * 8000000) }}") == "False")
    #expect(try render("{{ ('a' * 1000 ~ 'b') in ('a' * 8000 ~ 'b') }}") == "True")
    #expect(try render("{{ 'xxabab'.find('ab') }} {{ 'xxabab'.rfind('ab') }}") == "2 4")
  }

  @Test func `Long conversations stay within the budget`() throws {
    let source = """
      {%- set ns = namespace(last='', seen=[]) -%}
      {%- for message in messages -%}
      {%- set content = message.content.split('</think>')[-1].lstrip('\\n') -%}
      {%- if '<tool>' in content or message.role == 'system' %}{{ raise_exception('no') }}{% endif -%}
      {%- set ns.last = content|trim -%}
      {{- '<|im_start|>' + message.role + '\\n' + content[:-1] + content[-1] + '<|im_end|>\\n' -}}
      {%- endfor -%}
      """
    let messages = (0..<2000).map {
      ChatMessage(
        role: $0 % 2 == 0 ? "user" : "assistant",
        content: String(repeating: "word ", count: 400) + ".")
    }
    let text = try ChatTemplate(source, location: "template").render(
      messages: messages, addGenerationPrompt: false)
    #expect(text.utf8.count > 4_000_000)
  }
}
