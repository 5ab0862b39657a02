import Documents

/// How texts are split before their bytes are merged, by the name that `tokenizer.ggml.pre` of a GGUF
/// file gives it. llama.cpp knows several names of most.
public struct GGUFPreTokenizer: Sendable {
  /// Applied one after another: what one matches, and what lies between, is split by the next.
  private enum Step: Sendable {
    /// Every number is a piece of its own.
    case digits
    /// GPT-2's pattern.
    case words
    case pattern(String)
  }

  private var steps: [Step]
  /// Texts are composed first, as the tokenizers of this family do.
  private var isComposed = false
  /// A word that is a token stays whole, whatever the merges say.
  public private(set) var ignoresMerges = false
  /// A text begins with the beginning-of-text token where the file does not say.
  public private(set) var addsBeginning = false

  /// - Parameter name: nil, or `default`, for what llama.cpp does without a name.
  /// - Returns: nil for a name that is not known here.
  public init?(_ name: String?) {
    guard let known = Self.all.first(where: { $0.names.contains(name ?? "default") }) else {
      return nil
    }
    self = known.preTokenizer
  }

  /// Every name that is known.
  public static var names: [String] { all.flatMap(\.names).sorted() }

  /// The `pre_tokenizer` of a `tokenizer.json`.
  public var document: JSONValue {
    var parts: [JSONValue] = []
    for step in steps {
      switch step {
      case .digits: parts.append(["type": "Digits", "individual_digits": true])
      case .words: break
      case .pattern(let pattern):
        parts.append([
          "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated",
          "invert": false,
        ])
      }
    }
    // GPT-2's pattern is the byte-level part's own where it comes last.
    let endsInWords = if case .words = steps.last { true } else { false }
    parts.append([
      "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
      "use_regex": .bool(endsInWords),
    ])
    return parts.count == 1 ? parts[0] : ["type": "Sequence", "pretokenizers": .array(parts)]
  }

  /// The `normalizer` of a `tokenizer.json`.
  public var normalizer: JSONValue { isComposed ? ["type": "NFC"] : nil }

  // MARK: Patterns

  private static func newlineAware(digits: String) -> Step {
    .pattern(
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
        + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#)
  }

  /// OpenAI's o200k and its relatives: words end where a lower-case letter is followed by an upper-case
  /// one.
  private static func casedWords(contractions: String, digits: String) -> Step {
    let upper = #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
    let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
    return .pattern(
      "\(upper)*\(lower)+\(contractions)|\(upper)+\(lower)*\(contractions)|\(digits)"
        + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#)
  }

  private static let deepSeek3 =
    ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##
    + #"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  private static let finnish = " ?[^(\\s|.,!?…。，、।۔،)]+"

  private static let all: [(names: [String], preTokenizer: GGUFPreTokenizer)] = {
    var llama3 = GGUFPreTokenizer(steps: [newlineAware(digits: #"\p{N}{1,3}"#)])
    let threeDigits = llama3
    llama3.ignoresMerges = true
    llama3.addsBeginning = true
    let oneDigit = GGUFPreTokenizer(steps: [newlineAware(digits: #"\p{N}"#)])
    var qwen2 = oneDigit
    qwen2.isComposed = true
    var tekken = GGUFPreTokenizer(steps: [casedWords(contractions: "", digits: #"\p{N}"#)])
    tekken.ignoresMerges = true
    tekken.addsBeginning = true
    let o200k = GGUFPreTokenizer(steps: [
      casedWords(contractions: "(?i:'s|'t|'re|'ve|'m|'ll|'d)?", digits: #"\p{N}{1,3}"#)
    ])
    let plain = { (patterns: [String]) in GGUFPreTokenizer(steps: patterns.map { .pattern($0) }) }
    return [
      (
        [
          "gpt-2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "gigachat", "a.x-4.0",
          "mellum", "modern-bert", "exaone4", "mpt", "olmo", "jais", "trillion", "granite-docling",
        ], GGUFPreTokenizer(steps: [.words])
      ),
      (
        [
          "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b",
          "mellum2",
        ], GGUFPreTokenizer(steps: [.digits, .words])
      ),
      (
        [
          "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
        ], llama3
      ),
      (["dbrx", "smaug-bpe", "chatglm-bpe", "glm4"], threeDigits),
      (["qwen2", "deepseek-r1-qwen"], qwen2),
      (
        ["kormo", "f2llmv2", "megrez", "hunyuan", "solar-open", "stablelm2", "grok-2"], oneDigit
      ),
      (
        ["qwen35"],
        plain([
          #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"#
            + #"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
        ])
      ),
      (["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], o200k), (["tekken"], tekken),
      (
        ["deepseek-v3", "hunyuan-dense", "joyai-llm"],
        plain([#"\p{N}{1,3}"#, "[一-龥぀-ゟ゠-ヿ]+", deepSeek3])
      ),
      (
        ["deepseek-coder"],
        plain(["[\r\n]", #"\s?\p{L}+"#, #"\s?\p{P}+"#, "[一-龥ࠀ-一가-퟿]+", #"\p{N}"#])
      ),
      (
        ["falcon"],
        GGUFPreTokenizer(steps: [
          .pattern(#"[\p{P}\$\+<=>\^~\|`]+"#), .pattern(gpt2), .pattern("[0-9][0-9][0-9]"),
        ])
      ), (["bloom", "poro-chat", "gpt3-finnish"], plain([finnish])),
      (["viking"], plain([finnish, #"\p{N}"#])),
      (
        ["bailingmoe", "bailingmoe2", "llada-moe"],
        plain([
          #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"#
            + #"|\s*[\r\n]|\s+(?!\S)|\s+"#
        ])
      ),
      (
        ["seed-coder"],
        plain([
          #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}"#
            + #"| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"#
        ])
      ),
      (
        ["default"],
        plain([#"[\p{P}\$\+<=>\^~\|]+"#, gpt2, #"\p{N}+"#, "[0-9][0-9][0-9]"])
      ),
    ]
  }()

  private static let gpt2 =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"#

  private init(steps: [Step]) { self.steps = steps }
}
