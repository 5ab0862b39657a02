import Checkpoints
import Documents
import Foundation

/// The tokenizer of an exported folder: the teacher's own files, or, for a teacher from GGUF, the
/// `tokenizer.json` that its metadata describes.
struct ExportedTokenizer {
  private let source: ModelSource

  /// What a folder may hold of its tokenizer, and how it wants to be sampled.
  private static let copiedNames = [
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json",
    "generation_config.json",
  ]

  init(_ source: ModelSource) { self.source = source }

  func write(to folder: String) throws {
    switch source.tokenizer {
    case .gguf(let metadata):
      let converted = try GGUFTokenizerConversion(metadata, location: source.location)
      try DocumentFile("\(folder)/tokenizer.json").replace(with: converted.tokenizer.pretty)
      try DocumentFile("\(folder)/tokenizer_config.json").replace(
        with: converted.configuration.pretty)
    case .huggingFace(let tokenizer, let configuration, let templates):
      if source.format == .hdf5 || source.format == .memory {
        // It has no files of its own, but holds their texts.
        try DocumentFile("\(folder)/tokenizer.json").replace(with: tokenizer.pretty)
        if let configuration {
          try DocumentFile("\(folder)/tokenizer_config.json").replace(with: configuration.pretty)
        }
        if let template = templates.standard {
          try DocumentFile("\(folder)/chat_template.jinja").replace(with: template)
        }
      } else {
        try copyFiles(to: folder)
      }
    case nil: return
    }
  }

  private func copyFiles(to folder: String) throws {
    let origin =
      FilePath.isFolder(source.location) ? source.location : FilePath.folder(of: source.location)
    for name in Self.copiedNames {
      let path = "\(origin)/\(name)"
      guard FileManager.default.fileExists(atPath: path) else { continue }
      do {
        // A link into a download cache must become a file.
        let real = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        try FileManager.default.copyItem(atPath: real, toPath: "\(folder)/\(name)")
      } catch {
        throw ExportError.notWritten(
          path: "\(folder)/\(name)", operation: "copy the teacher's \(name)",
          reason: error.localizedDescription)
      }
    }
  }
}
