import Documents
import Testing

@testable import Corpus

/// Templates over rows: chat templates' expressions, but nothing that is missing passes.
@Suite struct RowTemplateTests {
  private static let row: JSONObject = [
    "question": "Why?", "choices": ["text": ["a", "b"], "label": ["A", "B"]], "n": 2, "none": nil,
  ]

  private func text(_ source: String) throws -> String {
    try RowTemplate(source, location: "t").text(of: Self.row)
  }

  private func mistake(_ source: String) -> String {
    do {
      return "no error: \(try text(source))"
    } catch {
      return "\(error)"
    }
  }

  @Test func `Text and line ends stay as they are written, also at the end`() throws {
    #expect(try text("") == "")
    #expect(try text("\n") == "\n")
    #expect(try text("Q: {{question}}\n\n") == "Q: Why?\n\n")
    #expect(try text("  {{ n }} {{choices.text[1]}}  ") == "  2 b  ")
    #expect(try text("{{ {'x': 'y'}['x'] }}{# not seen #}") == "y")
  }

  @Test func `An expression alone gives its value, anything more gives text`() throws {
    func value(_ source: String) throws -> JSONValue {
      try RowTemplate(source, location: "t").value(of: Self.row)
    }
    #expect(try value("{{choices.text}}") == ["a", "b"])
    #expect(try value("{{choices.label.index('B')}}") == 1)
    #expect(try value("{{n}}") == 2)
    #expect(try value("{{n == 2}}") == true)
    #expect(try value("{{none}}") == nil)
    #expect(try value("{{(n, 1.5)}}") == [2, 1.5])
    #expect(try value("{{choices}}") == Self.row["choices"])
    #expect(try value(" {{n}}") == " 2")
    #expect(try value("0") == "0")
    #expect(try value("") == "")
  }

  @Test func `What the row does not have is an error wherever it is used`() {
    let missing = #"t, line 1: the row has no field "x"; its fields are question, choices, n, none"#
    for source in [
      "{{x}}", "{{x|join}}", "{{ 'a' ~ x }}", "{{ [n, x] }}", "{{ x is string }}",
      "{{ question.replace('a', x) }}", "{{ n if x else n }}", "{{ x or n }}", "{{ n > x }}",
      "{{ question[x:] }}", "{{ not x }}", "{{ choices.text|join(x) }}", "{{ {'a': x} }}",
    ] {
      #expect(mistake(source) == missing, "\(source)")
    }
    #expect(
      mistake("{{choices.texts|join}}")
        == #"t, line 1: the dictionary has no member "texts""#)
    #expect(mistake("{{choices.text[2]}}") == "t, line 1: a list of 2 has no element 2")
    #expect(mistake("\n{{ n if n > 2 }}").contains("t, line 2: the condition does not hold"))
    #expect(
      mistake("{{choices.label.index('E')}}") == "t, line 1: index: the list does not hold 'E'")
  }

  @Test func `What is not evaluated, asked for or replaced may be missing`() throws {
    #expect(try text("{{ n if n == 2 else x }}") == "2")
    #expect(try text("{{ n or x }}") == "2")
    #expect(try text("{{ x is defined }}") == "False")
    #expect(try text("{{ x|default('no') }}") == "no")
    #expect(try text("{{ none and x }}") == "None")
  }

  @Test func `Statements and broken expressions are refused when the template is read`() {
    #expect(
      mistake("{% if n %}a{% endif %}") == """
        t, line 1: only {{ expressions }} may stand here, no {% statements %}; {{ a if condition else b }} chooses
        """)
    #expect(mistake("{{ question").contains("the template ends inside {{"))
  }
}
