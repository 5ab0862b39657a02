import Documents
import Testing

@testable import Corpus

struct ChatTemplateTests {
  @Test(arguments: try ChatGoldens.families())
  func `Every family renders every conversation as Jinja does`(golden: ChatGoldens.Case) throws {
    let template = try ChatTemplate(golden.template, location: golden.name)
    func render() throws -> String {
      try template.render(
        messages: golden.json["messages"]!.arrayValue!,
        addGenerationPrompt: golden.json["addGenerationPrompt"]!.boolValue!,
        beginningOfText: "<s>", endOfText: "</s>", extra: golden.json["extra"]!.objectValue!)
    }
    try compare(golden, render)
  }

  @Test(arguments: try ChatGoldens.constructs())
  func `Every construct renders as in Jinja`(golden: ChatGoldens.Case) throws {
    try compare(golden) {
      try ChatTemplate(golden.template, location: golden.name).render(
        messages: [JSONValue](), addGenerationPrompt: false, extra: golden.json.objectValue!)
    }
  }

  private func compare(_ golden: ChatGoldens.Case, _ render: () throws -> String) throws {
    if let expected = golden.expected {
      let text = try render()
      // Canonically equal is not enough.
      #expect(Array(text.utf8) == Array(expected.utf8), "\(text.debugDescription)")
    } else {
      #expect(throws: ChatTemplateError.self) { try render() }
    }
  }

  @Test func `A conversation in Swift's own types renders like its JSON`() throws {
    let template = try ChatGoldens.family("smollm2")
    let text = try template.render(
      messages: [
        ChatMessage(role: "system", content: "Be brief."), .init(role: "user", content: "Hi"),
      ],
      addGenerationPrompt: true)
    #expect(
      text == """
        <|im_start|>system
        Be brief.<|im_end|>
        <|im_start|>user
        Hi<|im_end|>
        <|im_start|>assistant

        """)
  }

  @Test(arguments: [
    ("a\n{{ x | nosuch }}", "t, line 2: unknown filter \"nosuch\"; known are abs, capitalize"),
    ("{{ x | trimm }}", "t, line 1: unknown filter \"trimm\"; did you mean \"trim\"? known are"),
    ("{{ x is strin }}", "t, line 1: unknown test \"strin\"; did you mean \"string\"? known are"),
    ("\n{% iff x %}", "t, line 2: unknown statement \"iff\"; did you mean \"if\"? known are"),
    ("{{ rang(3) }}", "t, line 1: unknown function \"rang\"; did you mean \"range\"? known are"),
    ("{{ 'a'.stip() }}", "t, line 1: unknown method \"stip\"; did you mean \"strip\"? known are"),
    ("{% if 1 %}\n\nx", "t, line 3: the template ends inside \"if\" of line 1; expected"),
    ("{{ a.b.c }}", "t, line 1: \"a\" is not defined, so it has no member \"b\""),
    ("{{\n'a'\n+ 1 }}", "t, line 2: the operator + does not take a string and an integer; use ~"),
    ("{{ (1 }}", "t, line 1: found \"}\" without the \"{\" that it closes"),
    ("{{ 1 2 }}", "t, line 1: found the integer 2, expected the end }} of the output"),
    ("{% for x y %}", "t, line 1: found \"y\", expected \"in\" after the loop variable"),
    ("{{ ''.join(*x) }}", "t, line 1: unpacking arguments with * is not supported"),
    (
      "\n{{ raise_exception('no') }}",
      "t, line 2: the chat template refuses this conversation: no"
    ),
    (
      "{{ strftime_now('%d') }}", "t, line 1: strftime_now is refused: with the clock in the text"
    ),
    ("{{ 'a' | replace('b') }}", "t, line 1: \"replace\" lacks the argument \"new\""),
    (
      "{{ 'a' | trim(x=1) }}",
      "t, line 1: \"trim\" has no parameter \"x\"; its parameters are chars"
    ),
    ("{% include 'x' %}", "t, line 1: unknown statement \"include\"; known are break"),
  ])
  func `A mistake is reported with its line and what was expected`(source: String, expected: String)
    throws
  {
    let error = try #require(throws: ChatTemplateError.self) {
      try ChatTemplate(source, location: "t").render(
        messages: [JSONValue](), addGenerationPrompt: false)
    }
    #expect(error.description.hasPrefix(expected), "\(error)")
    #expect(error.exitCode == .badData)
  }

  @Test func `The date is a template's fallback or the caller's, never the clock's`() throws {
    let source = "{{ date_string if date_string is defined else strftime_now is defined }}"
    let template = try ChatTemplate(source, location: "t")
    let none = [JSONValue]()
    #expect(try template.render(messages: none, addGenerationPrompt: false) == "False")
    let dated = try template.render(
      messages: none, addGenerationPrompt: false, extra: ["date_string": "1 May"])
    #expect(dated == "1 May")
  }

  @Test(arguments: [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% set x = 1 %}{% endfor %}{% endfor %}",
    "{{ 'aaaaaaaaaaaaaaaa' * 999999999999 }}",
    "{% set x = 'a' * 16000000 %}{% for i in range(100) %}{{ x }}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    String(repeating: "{{ ", count: 1) + String(repeating: "(", count: 100_000),
    "{{ " + String(repeating: "not ", count: 100_000) + "x }}",
    "{{ 1" + String(repeating: " + 1", count: 100_000) + " }}",
    "{{ x" + String(repeating: "|trim", count: 100_000) + " }}",
    "{{ x" + String(repeating: "[0]", count: 100_000) + " }}",
    String(repeating: "{% if 1 %}", count: 100_000),
  ])
  func `A hostile template ends with an error`(source: String) throws {
    #expect(throws: ChatTemplateError.self) {
      try ChatTemplate(source, location: "t").render(
        messages: [JSONValue](), addGenerationPrompt: false)
    }
  }

  @Test func `Any prefix of a template is read or refused, never trapped on`() throws {
    for golden in try ChatGoldens.constructs() {
      let scalars = Array(golden.template.unicodeScalars)
      for end in 0...min(scalars.count, 120) {
        do {
          _ = try ChatTemplate(String(scalars[..<end]), location: "t").render(
            messages: [JSONValue](), addGenerationPrompt: false, extra: golden.json.objectValue!)
        } catch let error as ChatTemplateError {
          #expect(error.line >= 1)
        }
      }
    }
  }
}
