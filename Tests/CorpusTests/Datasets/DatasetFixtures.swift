import Documents
import Foundation

@testable import Corpus

/// Bytes as ids; two line ends in a row are one token, so that borders can lie inside of one.
struct ByteEncoder: TextEncoder {
  static let doubleLineEnd: Int32 = 300
  var endOfText: Int32? = 256
  var beginningOfText: Int32? = 257
  var addsBeginning = false
  /// As BERT's tokenizers do.
  var addsClosing = false
  var closingTokens: Int { addsClosing ? 1 : 0 }

  func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
    var ids: [Int32] = addSpecialTokens && addsBeginning ? [257] : []
    var isOpen = false
    for byte in text.utf8 {
      if byte == 10, isOpen {
        ids[ids.count - 1] = Self.doubleLineEnd
        isOpen = false
      } else {
        ids.append(Int32(byte))
        isOpen = byte == 10
      }
    }
    if addSpecialTokens, addsClosing { ids.append(256) }
    return ids
  }

  static func text(_ ids: some Sequence<Int32>) -> String {
    String(
      decoding: ids.flatMap { id -> [UInt8] in
        switch id {
        case doubleLineEnd: Array("\n\n".utf8)
        case 256: Array("$".utf8)
        case 257: Array("^".utf8)
        case -100: Array("_".utf8)
        default: [UInt8(id)]
        }
      }, as: UTF8.self)
  }
}

/// A folder that goes when the test ends.
final class DatasetFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "corpus-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    do {
      try FileManager.default.removeItem(atPath: path)
    } catch {
      preconditionFailure("cannot remove \(path): \(error)")
    }
  }

  func file(_ name: String, _ text: String) throws -> String {
    try file(name, bytes: Array(text.utf8))
  }

  func file(_ name: String, bytes: [UInt8]) throws -> String {
    let url = URL(fileURLWithPath: "\(path)/\(name)")
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
    return url.path
  }

  /// Documents of a file, each ended by `$`, as text.
  func documents(
    _ specification: DatasetSpecification, encoder: ByteEncoder = ByteEncoder(),
    chat: ChatFormat? = nil
  ) throws -> [EncodedDocument] {
    let source = DocumentSource(
      specification: specification,
      encoder: try DocumentEncoder(specification, encoder: encoder, chat: chat))
    var found: [EncodedDocument] = []
    let ending = specification.format == .text ? ".txt" : ".jsonl"
    _ = try source.forEach(DatasetFiles.list(specification.path, ending: ending)) {
      found.append($0)
      return true
    }
    return found
  }

  func texts(_ specification: DatasetSpecification) throws -> [String] {
    try documents(specification).map { ByteEncoder.text($0.tokens) }
  }
}
