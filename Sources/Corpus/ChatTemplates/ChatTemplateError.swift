import Documents

/// Why a chat template cannot be read, or cannot render a conversation.
public struct ChatTemplateError: Error, Equatable, CustomStringConvertible, ExitCoded {
  /// At what a template failed.
  public enum Kind: Sendable {
    /// The template's text is no template, or uses something this interpreter does not know.
    case syntax
    /// The template is well formed, but what it does with this conversation fails.
    case evaluation
    /// The template itself refuses the conversation with `raise_exception`.
    case raised
  }

  private static let longestMessage = 2000

  /// At what the template failed.
  public let kind: Kind
  /// Where the template comes from, as the caller named it.
  public let location: String
  /// Line of the template, from 1.
  public let line: Int
  /// What was found and what was expected, or the template's own words.
  public let message: String

  public var description: String {
    // A template decides a part of it.
    let isLong = self.message.utf8.count > Self.longestMessage
    let message = isLong ? String(self.message.unicodeScalars.prefix(500)) + "…" : self.message
    return switch kind {
    case .raised:
      "\(location), line \(line): the chat template refuses this conversation: \(message)"
    case .syntax, .evaluation: "\(location), line \(line): \(message)"
    }
  }

  public var exitCode: ExitCode { .badData }
}

/// A failure below the level where the line is known; the interpreter adds it.
struct TemplateFailure: Error {
  var kind: ChatTemplateError.Kind = .evaluation
  let message: String

  init(_ message: String, kind: ChatTemplateError.Kind = .evaluation) {
    self.message = message
    self.kind = kind
  }
}

extension TemplateFailure {
  /// An unknown word, answered with the nearest known one and the whole list.
  static func unknown(_ sort: String, _ name: String, known: [String]) -> TemplateFailure {
    let hint = nearest(name, among: known).map { "did you mean \"\($0)\"? " } ?? ""
    return TemplateFailure(
      "unknown \(sort) \"\(name)\"; \(hint)known are \(known.sorted().joined(separator: ", "))",
      kind: .syntax)
  }
}
