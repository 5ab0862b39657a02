import Documents
import Foundation
import Testing

@testable import Corpus

/// What Jinja rendered, from `scripts/goldens/chat.py`.
enum ChatGoldens {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let template: String
    let json: JSONValue
    /// `nil` where Jinja fails too.
    let expected: String?

    var testDescription: String { name }
  }

  static func read(_ name: String) throws -> JSONValue {
    let folder = Bundle.module.resourceURL!.appendingPathComponent("Goldens/chat")
    return try JSONValue(parsing: Data(contentsOf: folder.appendingPathComponent(name)))
  }

  static func families() throws -> [Case] {
    let document = try read("families.json")
    return document["cases"]!.arrayValue!.map { json in
      let template = document["templates"]![json["template"]!.stringValue!]!.stringValue!
      return Case(
        name: json["name"]!.stringValue!, template: template, json: json,
        expected: json["expected"]!.stringValue)
    }
  }

  static func constructs() throws -> [Case] {
    let document = try read("constructs.json")
    return document["cases"]!.arrayValue!.map { json in
      Case(
        name: json["name"]!.stringValue!, template: json["template"]!.stringValue!,
        json: document["variables"]!, expected: json["expected"]!.stringValue)
    }
  }

  static func family(_ name: String) throws -> ChatTemplate {
    let source = try read("families.json")["templates"]![name]!.stringValue!
    return try ChatTemplate(source, location: "the template of \(name)")
  }
}
