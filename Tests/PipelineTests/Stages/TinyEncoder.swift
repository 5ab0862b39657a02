import Checkpoints
import Documents
import Foundation
import TensorCore
import Transformers

@testable import Pipeline

/// A random encoder of BERT's shape, 2 layers of 32, with a tokenizer of 21 tokens and 48 texts, in
/// a folder of its own.
struct TinyEncoder: TinyModel {
  let folder: String

  private static let words = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "a", "cat", "dog", "bird", "sees", "hears",
    "follows",
    "small", "old", "red", "and", "then", "sleep", "##s", "##ing", ".",
  ]

  init() throws {
    folder = NSTemporaryDirectory() + "linearize-encoder-" + UUID().uuidString
    let model = folder + "/encoder"
    try FileManager.default.createDirectory(
      atPath: model + "/1_Pooling", withIntermediateDirectories: true)
    let configuration: JSONValue = [
      "model_type": "bert", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
      "intermediate_size": 48, "vocab_size": .integer(Self.words.count),
      "max_position_embeddings": 24, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
      "hidden_act": "gelu", "initializer_range": 0.3,
    ]
    let write = { (name: String, document: JSONValue) in
      try DocumentFile("\(model)/\(name)").replace(with: document.pretty)
    }
    try write("config.json", configuration)
    try write("tokenizer.json", Self.tokenizer)
    try write("tokenizer_config.json", ["tokenizer_class": "BertTokenizer"])
    try write(
      "modules.json",
      [
        ["path": "", "type": "sentence_transformers.models.Transformer"],
        ["path": "1_Pooling", "type": "sentence_transformers.models.Pooling"],
        ["path": "2_Normalize", "type": "sentence_transformers.models.Normalize"],
      ])
    try write("1_Pooling/config.json", ["pooling_mode_mean_tokens": true])
    let tensors = try NewModel(configuration, location: "tiny").initialTensors(seed: 5)
    _ = try SafetensorsWriter().write(
      tensors.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, into: model)
    var generator = SeededGenerator(seed: 4, purpose: "tiny texts")
    let lines = (0..<48).map { _ in
      (0..<4 + Int(generator.next() % 20)).map { _ in
        Self.words[4 + Int(generator.next() % 14)]
      }.joined(separator: " ") + "\n"
    }
    try DocumentFile(folder + "/texts.txt").replace(with: lines.joined())
  }

  private static var tokenizer: JSONValue {
    let special = { (token: String) -> JSONValue in
      ["SpecialToken": ["id": .string(token), "type_id": 0]]
    }
    let ids = { (token: String, id: Int) -> JSONValue in
      ["id": .string(token), "ids": [.integer(id)], "tokens": [.string(token)]]
    }
    return [
      "version": "1.0", "truncation": .null, "padding": .null,
      "added_tokens": .array(
        words.prefix(4).enumerated().map {
          [
            "id": .integer($0), "content": .string($1), "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true,
          ]
        }),
      "normalizer": [
        "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
        "strip_accents": .null, "lowercase": true,
      ],
      "pre_tokenizer": ["type": "BertPreTokenizer"],
      "post_processor": [
        "type": "TemplateProcessing",
        "single": [
          special("[CLS]"), ["Sequence": ["id": "A", "type_id": 0]], special("[SEP]"),
        ],
        "pair": [],
        "special_tokens": ["[CLS]": ids("[CLS]", 2), "[SEP]": ids("[SEP]", 3)],
      ],
      "decoder": ["type": "WordPiece", "prefix": "##", "cleanup": true],
      "model": [
        "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": .object(
          JSONObject(words.enumerated().map { ($0.element, .integer($0.offset)) })),
      ],
    ]
  }

  /// Transfer and embedding distillation of 6 steps each, changed by overrides.
  func recipe(_ overrides: String...) throws -> LoadedRecipe {
    let data = { (skipped: Int, count: Int) -> JSONValue in
      [
        [
          "path": .string(folder + "/texts.txt"), "format": "text", "documents": "line",
          "appendEndOfText": false, "skippedDocuments": .integer(skipped),
          "maximumDocuments": .integer(count),
        ]
      ]
    }
    let stage = { (name: JSONValue) -> JSONValue in
      [
        "stage": name, "steps": 6, "batchSize": 4, "gradientAccumulation": 2, "evaluateEvery": 3,
        "checkpointEvery": 2, "optimizer": ["learningRate": 0.003],
      ]
    }
    let document: JSONValue = [
      "name": "tiny-encoder", "output": .string("\(folder)/run"),
      "teacher": ["path": .string(folder + "/encoder")],
      "data": [
        "train": data(0, 32), "validation": data(32, 6), "test": data(38, 10),
        "sequenceLength": 20, "packing": "oneDocument", "longDocuments": "truncated",
      ],
      "student": ["mixer": "linear", "featureMap": ["kind": "softmax"]],
      "stages": [
        stage("attention-transfer"), stage("embedding-distillation"), ["stage": "evaluate"],
      ],
    ]
    return try LoadedRecipe(
      document: document, path: "tiny.json",
      overrides: try overrides.map { try RecipeOverride(parsing: $0) })
  }
}
