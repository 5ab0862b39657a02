import Documents

/// What an evaluation found, and what made it: the contents of `results.json`, `report.md` and
/// `report.html`.
public struct EvaluationReport: Sendable {
  /// Heading: the recipe's name, or the model's.
  public var title: String
  /// Where the models lie, as the user named them.
  public var teacherName: String?
  /// Where the student lies, as the user named it; nil of a teacher alone.
  public var studentName: String?
  /// In the order of `ModelVariant`; only what was measured.
  public var variants: [VariantResult]
  /// Mean over layers of the attention transfer's loss on the test sequences, and each layer's;
  /// nil for layers that keep softmax.
  public var transferLoss: Double?
  /// The loss of each layer; nil for layers that keep softmax.
  public var transferLossByLayer: [Double?]
  /// Attention and predictions beside the teacher's; nil when they were not compared.
  public var fidelity: FidelityResult?
  /// Curves of the training stages that led to the student, in order.
  public var training: [TrainingCurve]
  /// Speed and state by context length; nil when they were not measured.
  public var speed: SpeedResult?
  /// What decoding remembers by length; nil of a model alone.
  public var cache: CacheResult?
  /// How the layers that keep softmax were chosen; nil where the recipe named them.
  public var selection: SelectionResult?
  /// Largest resident memory of the process.
  public var peakMemoryBytes: Int?
  /// Bounds that were asked for, and whether they were kept.
  public var verdicts: [Verdict]
  /// Recipe's name, seed, hashes of teacher and data, program, BLAS.
  public var provenance: JSONObject
  /// The resolved recipe, shown in full at the report's end.
  public var recipe: JSONValue?
  /// Commands that give these numbers again.
  public var commands: [String]
  /// What was asked for and not measured, and why.
  public var notes: [String]
  /// SHA-256 over the tokens and targets of the held-out text, so that two results can be told to
  /// be of the same text; nil falls back on how many tokens each window scored.
  public var textHash: String?
  /// Seconds since 1970 at the evaluation's start, and how many it took.
  public var date: Double
  /// Seconds that the evaluation took.
  public var seconds: Double

  /// A report; what is left out was not measured.
  public init(
    title: String, teacherName: String? = nil, studentName: String? = nil,
    variants: [VariantResult] = [], transferLoss: Double? = nil,
    transferLossByLayer: [Double?] = [], fidelity: FidelityResult? = nil,
    training: [TrainingCurve] = [], speed: SpeedResult? = nil,
    cache: CacheResult? = nil, selection: SelectionResult? = nil, peakMemoryBytes: Int? = nil,
    verdicts: [Verdict] = [], provenance: JSONObject = JSONObject(), recipe: JSONValue? = nil,
    commands: [String] = [], notes: [String] = [], textHash: String? = nil,
    date: Double = 0, seconds: Double = 0
  ) {
    self.title = title
    self.teacherName = teacherName
    self.studentName = studentName
    self.variants = variants
    self.transferLoss = transferLoss
    self.transferLossByLayer = transferLossByLayer
    self.fidelity = fidelity
    self.training = training
    self.speed = speed
    self.cache = cache
    self.selection = selection
    self.peakMemoryBytes = peakMemoryBytes
    self.verdicts = verdicts
    self.provenance = provenance
    self.recipe = recipe
    self.commands = commands
    self.textHash = textHash
    self.notes = notes
    self.date = date
    self.seconds = seconds
  }

  /// What was measured of a variant; nil when nothing was.
  public subscript(variant: ModelVariant) -> VariantResult? {
    variants.first { $0.variant == variant }
  }

  /// The student's row, or the teacher's when it was evaluated alone: what `results` is about.
  public var subject: VariantResult? { self[.student] ?? self[.teacher] }

  /// What the memory is worth; nil when the rows that say it are missing.
  public var linearShare: LinearShare? { LinearShare(variants) }

  /// What training was worth; nil when the rows that say it are missing.
  public var trainingGain: TrainingGain? { TrainingGain(variants) }

  /// Whether every bound was kept, true of none.
  public var keepsThresholds: Bool { verdicts.allSatisfy(\.isKept) }
}
