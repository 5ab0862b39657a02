/// How close the student's attention is to the teacher's, on the teacher's own activations, and
/// its predictions to the teacher's.
public struct FidelityResult: Sendable, Equatable {
  /// What of a head's attention is of keys that have left the student's window and are no sinks, means
  /// over the tokens that have such keys. A window that is right says nothing of them: errors and
  /// divergences over all keys hide what a memory does not do, these do not.
  public struct FarShare: Sendable, Equatable {
    /// Share of the teacher's attention weights.
    public var teacherMass: Double
    /// Share of the student's; nil of one whose outputs are no weighted means.
    public var studentMass: Double?
    /// What these keys change of the outputs: the root of the mean square by which the teacher's
    /// outputs differ from those of the same window alone, over that of the outputs.
    public var teacherOutput: Double
    /// The same of the student's outputs and its window's.
    public var studentOutput: Double

    /// The shares of one head.
    public init(
      teacherMass: Double, studentMass: Double?, teacherOutput: Double, studentOutput: Double
    ) {
      self.teacherMass = teacherMass
      self.studentMass = studentMass
      self.teacherOutput = teacherOutput
      self.studentOutput = studentOutput
    }
  }

  /// Numbers of one head, means over the tokens measured. Of a student without attention weights
  /// those that need them are NaN.
  public struct Head: Sendable, Equatable {
    /// Mean squared error of the head's output.
    public var meanSquaredError: Double
    /// The same divided by the mean square of the teacher's output.
    public var relativeError: Double
    /// KL(teacher's attention row ‖ student's), nats a row.
    public var divergence: Double
    /// Entropy of the teacher's and the student's attention rows, nats: low is spiky.
    public var teacherEntropy: Double
    /// Entropy of the student's attention rows, nats a row.
    public var studentEntropy: Double
    /// Spearman's rank correlation between attention weight and query-key product within a row,
    /// mean over rows; the teacher's softmax has 1.
    public var monotonicity: Double
    /// Effective sequence length `Σ_j |i − j| a_ij`, tokens, mean over rows.
    public var teacherReach: Double
    /// Effective sequence length of the student's attention, tokens.
    public var studentReach: Double
    /// What is of keys beyond the student's window; nil of a student without one.
    public var far: FarShare?

    /// The comparison of one head.
    public init(
      meanSquaredError: Double, relativeError: Double, divergence: Double, teacherEntropy: Double,
      studentEntropy: Double, monotonicity: Double, teacherReach: Double, studentReach: Double,
      far: FarShare? = nil
    ) {
      self.meanSquaredError = meanSquaredError
      self.relativeError = relativeError
      self.divergence = divergence
      self.teacherEntropy = teacherEntropy
      self.studentEntropy = studentEntropy
      self.monotonicity = monotonicity
      self.teacherReach = teacherReach
      self.studentReach = studentReach
      self.far = far
    }
  }

  /// The heads of one converted layer.
  public struct Layer: Sendable, Equatable {
    /// The layer, from 0.
    public var index: Int
    /// One entry for every query head.
    public var heads: [Head]

    /// A layer and its heads.
    public init(index: Int, heads: [Head]) {
      self.index = index
      self.heads = heads
    }
  }

  /// Attention rows of one head over one short text, teacher's and student's, averaged over square
  /// blocks of positions until they are `size` wide.
  public struct AttentionMap: Sendable, Equatable {
    /// The layer, from 0.
    public var layer: Int
    /// The query head, from 0.
    public var head: Int
    /// Rows and columns.
    public var size: Int
    /// Tokens of the text that the map shows.
    public var tokens: Int
    /// `[size, size]`, row-major, 0 above the diagonal.
    public var teacher: [Float]
    /// `[size, size]`, row-major, 0 above the diagonal.
    public var student: [Float]

    /// The map of one head; both arrays are `[size, size]`.
    public init(
      layer: Int, head: Int, size: Int, tokens: Int, teacher: [Float], student: [Float]
    ) {
      self.layer = layer
      self.head = head
      self.size = size
      self.tokens = tokens
      self.teacher = teacher
      self.student = student
    }
  }

  /// Tokens predicted from contexts of similar length.
  public struct PositionRange: Sendable, Equatable {
    /// Where ranges begin, in tokens of context: what any window holds, what a few windows hold, and
    /// what is far.
    public static let starts = [0, 64, 512]

    /// Least tokens of context.
    public var first: Int
    /// Sum of the divergences, nats.
    public var divergenceSum: Double
    /// Tokens compared.
    public var tokens: Int

    /// A range that begins at so many tokens of context.
    public init(first: Int, divergenceSum: Double = 0, tokens: Int = 0) {
      self.first = first
      self.divergenceSum = divergenceSum
      self.tokens = tokens
    }

    /// Nats a token; NaN when nothing was compared.
    public var divergence: Double { divergenceSum / Double(tokens) }
  }

  /// How long greedy continuations of the same prompts stay the teacher's.
  public struct Agreement: Sendable, Equatable {
    /// Prompts, the beginnings of texts.
    public var prompts: Int
    /// Tokens of each continuation: the most that can be reached.
    public var tokens: Int
    /// Tokens until the student says another than the teacher, mean over the prompts.
    public var student: Double
    /// The same of the untrained teacher with the student's window; nil when it was not measured.
    public var untrained: Double?

    /// What continuations have in common.
    public init(prompts: Int, tokens: Int, student: Double, untrained: Double? = nil) {
      self.prompts = prompts
      self.tokens = tokens
      self.student = student
      self.untrained = untrained
    }
  }

  /// Converted layers alone, ascending.
  public var layers: [Layer]
  /// KL(teacher's next-token distribution ‖ student's), nats a token; nil of encoders.
  public var logitDivergence: Double?
  /// The same by tokens of context, ascending; ranges in which nothing was compared are left out.
  public var positions: [PositionRange]
  /// Greedy decoding beside the teacher's; nil when it was not measured.
  public var agreement: Agreement?
  /// Share of tokens for which both hold the same token most probable; nil of encoders.
  public var topAgreement: Double?
  /// Tokens measured.
  public var tokens: Int
  /// Attention maps of some heads, for the report's pictures.
  public var maps: [AttentionMap]

  /// What was compared.
  public init(
    layers: [Layer], logitDivergence: Double?, topAgreement: Double?, tokens: Int,
    maps: [AttentionMap] = [], positions: [PositionRange] = [], agreement: Agreement? = nil
  ) {
    self.layers = layers
    self.logitDivergence = logitDivergence
    self.topAgreement = topAgreement
    self.tokens = tokens
    self.maps = maps
    self.positions = positions
    self.agreement = agreement
  }
}
