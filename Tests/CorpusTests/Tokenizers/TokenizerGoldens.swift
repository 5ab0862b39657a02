import Documents
import Foundation
import TestSupport

@testable import Corpus

/// What scripts/goldens/tokenizers.py has written.
enum TokenizerGoldens {
  static let names = [
    "gpt2", "gpt2-prefix-space", "llama3", "qwen2", "smollm", "neox", "llama2", "llama-metaspace",
    "compatibility", "bert", "o200k", "tekken", "deepseek", "punctuation", "constructs", "unigram",
    "unigram-bytes",
  ]

  /// Lines to a block of hashes.
  static let blockLength = 128

  static func json(_ file: String) throws -> JSONValue {
    let folder = Bundle.module.bundleURL
    let url = folder.appendingPathComponent("Goldens/tokenizers/\(file)")
    return try JSONValue(parsing: try Data(contentsOf: url))
  }

  static func lines() throws -> [String] {
    try strings(json("lines.json"))
  }

  static func tokenizer(_ name: String) throws -> Tokenizer {
    let file = "\(name).tokenizer.json"
    return try Tokenizer(tokenizerJSON: json(file), configuration: nil, location: file)
  }

  static func strings(_ value: JSONValue) throws -> [String] {
    try value.elements().map { try $0.text() }
  }
}

/// FNV-1a with 64 bits, as the script computes it.
struct FNV1a {
  private var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }

  mutating func add(_ bytes: some Sequence<UInt8>) { for byte in bytes { add(byte) } }

  /// Ids as little-endian words, closed by a word that is no id.
  mutating func add(ids: [Int32]) {
    for id in ids + [-1] {
      let word = UInt32(bitPattern: id)
      for shift in stride(from: UInt32(0), to: 32, by: 8) {
        add(UInt8(truncatingIfNeeded: word >> shift))
      }
    }
  }

  var hexadecimal: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// Draws that are the same on every run and platform.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
