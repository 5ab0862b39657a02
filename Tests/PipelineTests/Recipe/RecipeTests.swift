import Documents
import Results
import Testing
import Training

@testable import Pipeline

/// As messages list words.
private let knownStages = StageRegistry.all.map { "\"\($0.name)\"" }.joined(separator: ", ")

@Suite struct RecipeTests {
  @Test func `The stages of a recipe come with the paper's numbers for what it leaves out`() throws
  {
    let recipe = try SampleRecipe.load().recipe
    #expect(recipe.seed == 42)
    #expect(recipe.output == "runs/sample")
    let transfer = try #require(recipe.stages[0].specification as? AttentionTransfer)
    #expect(transfer.losses.losses.map { type(of: $0).kind } == ["output-mse"])
    #expect(transfer.losses.losses.map(\.weight) == [1000])
    #expect(transfer.activations == nil)
    let training = try #require(transfer.training)
    #expect(training.length == .steps(6))
    #expect(training.sequencesPerStep == 8)
    #expect(training.optimizer == OptimizerSpecification(learningRate: 1e-2))
    #expect(training.schedule == .constant(warmupSteps: 0))
    let adaptation = try #require(recipe.stages[1].specification as? LowRankAdaptation)
    #expect(adaptation.training?.length == .epochs(2))
    #expect(adaptation.training?.optimizer.learningRate == 1e-4)
    #expect(adaptation.updates.alpha == 16 && adaptation.updates.rank == 8)
    #expect(adaptation.updates.targets == [.queries, .keys, .values, .output])
    #expect(recipe.stages[2].training == nil)
  }

  @Test func `The resolved recipe spells every default and reads to itself`() throws {
    let resolved = try SampleRecipe.load().resolved
    #expect(
      resolved["stages"]?.arrayValue?[0].compact
        == #"{"id":"attention-transfer","stage":"attention-transfer","steps":6,"epochs":null,"batchSize":1,"#
        + #""gradientAccumulation":8,"optimizer":{"learningRate":0.01,"betas":[0.9,0.999],"#
        + #""epsilon":1e-08,"weightDecay":0.0,"clipGradientNorm":null,"groups":[]},"#
        + #""schedule":{"kind":"constant","warmupSteps":0,"warmupStart":null},"evaluateEvery":null,"#
        + #""checkpointEvery":50,"keepBest":true,"#
        + #""losses":[{"kind":"output-mse","weight":1000.0}],"activations":null}"#)
    #expect(
      resolved["stages"]?.arrayValue?[2]["thresholds"]?.objectValue?.keys
        == EvaluationReport.measures.map(\.name))
    let again = try LoadedRecipe(document: resolved, path: "resolved.json")
    #expect(again.resolved == resolved)
    #expect(again.resolved.pretty == resolved.pretty)
  }

  @Test func `Epochs become optimizer steps without a last step that is not full`() {
    #expect(TrainingLength.epochs(2).steps(sequences: 100, sequencesPerStep: 8) == 25)
    #expect(TrainingLength.epochs(1).steps(sequences: 15, sequencesPerStep: 8) == 1)
    #expect(TrainingLength.steps(7).steps(sequences: 15, sequencesPerStep: 8) == 7)
  }

  @Test func `Thresholds are read in the order of the report's measures, tasks with theirs`() throws
  {
    let recipe = try SampleRecipe.load([
      #"stages.evaluate.thresholds.perplexityRatio={"maximum": 2}"#,
      #"stages.evaluate.thresholds.studentPerplexity={"minimum": 1, "maximum": 40}"#,
      #"stages.evaluate.tasks=[{"path":"a.jsonl","limit":9,"thresholds":{"acc":{"minimum":0.5}}}]"#,
    ]).recipe
    let evaluation = try #require(recipe.stages[2].specification as? Evaluate)
    #expect(
      evaluation.thresholds == [
        .init(measure: "studentPerplexity", minimum: 1, maximum: 40),
        .init(measure: "perplexityRatio", minimum: nil, maximum: 2),
      ])
    #expect(
      evaluation.tasks == [
        .init(path: "a.jsonl", data: nil, limit: 9, thresholds: [("acc", 0.5, nil)])
      ])
  }

  @Test(
    arguments: [
      (
        ["~stages"],
        "$.stages: is missing; expected an array of at least 1 (What is done to the student, in order.)"
      ),
      (
        ["stages=[]"],
        "$.stages: found an array of 0, expected at least 1 (What is done to the student, in order.)"
      ),
      (
        ["~name"], "$.name: is missing; expected a string (What the run and its report are called.)"
      ),
      (["seed=-1"], "$.seed: found the integer -1, expected an integer of at least 0"),
      (["seed=1.5"], "$.seed: found the number 1.5, expected an integer of at least 0"),
      (["output="], "$.output: is empty; expected the folder of the run"),
      (["student=3"], "$.student: found the integer 3, expected an object"),
      (
        ["~student"],
        "$.student: is missing; expected the attention that takes the softmax's place (only the stage \"pretrain\" does without)"
      ),
      (["teacher.path="], "$.teacher.path: is empty; expected a path"),
      (
        ["~teacher.path"],
        "$.teacher.path: is missing; give a checkpoint, or the \"configuration\" of a new model"
      ),
      (
        ["teacher.tokenizer=models"],
        "$.teacher.tokenizer: has no effect; it goes with \"configuration\", a checkpoint has its own"
      ),
      (
        ["teacher.sha256=abc"],
        "$.teacher.sha256: found 3 characters, expected 64 hexadecimal digits"
      ),
      (["teacher.sha265=abc"], "$.teacher.sha265: is not a known key; did you mean \"sha256\"?"),
      (
        ["data.order=random"],
        "$.data.order: found the string \"random\", expected one of \"shuffled\", \"sequential\", \"radlads\""
      ),
      (
        ["data.train=[]"],
        "$.data.train: is empty; the stage \"attention-transfer\" needs text to train on"
      ),
      (
        ["data.validation=[]"],
        "$.data.validation: is empty; the stage \"attention-transfer\" needs text for its validation loss (or \"keepBest\": false and no \"evaluateEvery\")"
      ),
      (["data.test=[]"], "$.data.test: is empty; the stage \"evaluate\" needs text to measure on"),
      (
        ["stages[2].sequences=20", "data.testSequences=10"],
        "$.data.testSequences: found 10, expected at least the 20 that the stage \"evaluate\" measures on"
      ),
      (
        ["data.validationSequences=0"],
        "$.data.validationSequences: found the integer 0, expected an integer of at least 1"
      ),
      (
        ["stages[0].stage=attention-transfr"],
        "$.stages[0].stage: found the string \"attention-transfr\", expected one of \(knownStages); did you mean \"attention-transfer\"?"
      ),
      (
        ["~stages[0].stage"],
        "$.stages[0].stage: is missing; expected one of \(knownStages) (What this stage does.)"
      ),
      (
        ["stages[0].stage=low-rank-adaptation"],
        "$.stages[1]: \"low-rank-adaptation-2\" (low-rank-adaptation) stands behind \"low-rank-adaptation\", whose low-rank updates are not weights yet, and would put its own in their place; set \"merge\": true in stages[0]"
      ),
      (
        [
          #"stages=[{"stage": "finetune", "steps": 1}, {"stage": "attention-transfer", "steps": 1}]"#
        ],
        "$.stages[1]: \"attention-transfer\" fits the new attention to the teacher's queries, keys and values, but \"finetune\" before it has given the student others; put it before that stage, or use \"output-alignment\", which reads the student's own"
      ),
      (["~stages[0].steps"], "$.stages[0].steps: is missing; give either \"steps\" or \"epochs\""),
      (
        ["stages[0].epochs=1"],
        "$.stages[0].epochs: is given beside \"steps\"; give one of the two and remove the other"
      ),
      (
        ["stages[0].steps=0"],
        "$.stages[0].steps: found the integer 0, expected an integer from 1 to 2147483648"
      ),
      (
        ["stages[0].steps=many"],
        "$.stages[0].steps: found the string \"many\", expected an integer from 1 to 2147483648"
      ),
      (["stages[0].stpes=3"], "$.stages[0].stpes: is not a known key; did you mean \"steps\"?"),
      (
        ["stages[0].optimzer.learningRate=3"],
        "$.stages[0].optimzer: is not a known key; did you mean \"optimizer\"?"
      ),
      (
        ["stages[0].optimizer.learningrate=3"],
        "$.stages[0].optimizer.learningrate: is not a known key; did you mean \"learningRate\"?"
      ),
      (
        ["stages[0].batchSize=0"],
        "$.stages[0].batchSize: found the integer 0, expected an integer from 1 to 65536"
      ),
      (
        [#"stages[0].schedule={"kind": "cosine", "warmupSteps": 6}"#],
        "$.stages[0].schedule.warmupSteps: found 6, expected fewer than the stage's 6 steps"
      ),
      (
        [#"stages[0].schedule={"kind": "linear", "finalLearningRate": 0.1}"#],
        "$.stages[0].schedule.finalLearningRate: found 0.1, expected at most optimizer.learningRate, 0.01"
      ),
      (
        [#"stages[0].schedule={"kind": "quarter-cosine", "start": 0.9, "end": 0.8}"#],
        "$.stages[0].schedule.end: found 0.8, expected above the decay's start, 0.9"
      ),
      (
        [
          #"stages[0].optimizer.groups=[{"parameters": ["*.w0"], "learningRate": 1e-3, "finalLearningRate": 1e-4}]"#
        ],
        "$.stages[0].optimizer.groups[0].finalLearningRate: has no effect with a constant schedule; "
          + "choose one that decays"
      ),
      (
        [
          #"stages[0].schedule={"kind": "cosine", "finalLearningRate": 1e-3}"#,
          #"stages[0].optimizer.groups=[{"parameters": ["*.w0"], "learningRate": 1e-4}]"#,
        ],
        "$.stages[0].optimizer.groups[0].finalLearningRate: found 0.001 of the schedule, expected at "
          + "most the group's learningRate, 0.0001"
      ),
      (
        [
          #"stages[0].schedule={"kind": "plateau"}"#, "stages[0].evaluateEvery=1",
          #"stages[0].optimizer.groups=[{"parameters": ["*.w0"], "learningRate": 1e-4}]"#,
        ],
        "$.stages[0].optimizer.groups[0]: stands beside a plateau schedule, which has one learning "
          + "rate; choose another kind"
      ),
      (
        ["data.order=radlads"],
        "$.data.train: has 1 data sets, expected one of format \"binidx\" with order \"radlads\", which "
          + "takes the windows of one stream of tokens"
      ),
      (
        [
          #"data.train=[{"path": "a.bin", "format": "binidx"}]"#, "data.order=radlads",
          "data.maximumTokens=4096",
        ],
        "$.data.maximumTokens: is given, expected none with order \"radlads\", which takes the windows of "
          + "one stream of tokens: its order depends on all of them"
      ),
      (
        ["student.softmaxLayers=every"],
        "$.student.softmaxLayers: found the string \"every\", expected an array of integers or a "
          + "pattern such as \"every 4\", \"first 2, last 2\" or \"0,3,6-8\""
      ),
      (
        [#"stages[0]={"stage": "output-alignment", "steps": 1, "loss": "l1"}"#],
        "$.stages[0].loss: found the string \"l1\", expected one of \"l2\", \"mse\"; did you mean "
          + "\"l2\"?"
      ),
      (
        [#"stages[1]={"stage": "logit-distillation", "steps": 1, "klWeight": 0}"#],
        "$.stages[1].klWeight: found the integer 0, expected a number above 0.0"
      ),
      (
        [#"stages[0].schedule={"kind": "plateau"}"#],
        "$.stages[0].evaluateEvery: is missing; a plateau schedule reads the validation loss, so say how often to take it"
      ),
      (
        [
          #"stages[0].schedule={"kind": "plateau", "minimumLearningRate": 0.1}"#,
          "stages[0].evaluateEvery=1",
        ],
        "$.stages[0].schedule.minimumLearningRate: found 0.1, expected at most optimizer.learningRate, 0.01"
      ),
      (
        ["stages[0].meanSquaredErrorWeight=0"],
        "$.stages[0].meanSquaredErrorWeight: found 0 beside attentionWeightCrossEntropyWeight 0; one of the two must be above 0, or there is no loss"
      ),
      (
        ["stages[0].activations.storage=float16"],
        "$.stages[0].activations.storage: found the string \"float16\", expected one of \"float32\", \"bfloat16\"; did you mean \"bfloat16\"?"
      ),
      (
        ["stages[0].activations.layersPerBlock=0"],
        "$.stages[0].activations.layersPerBlock: found the integer 0, expected an integer from 1 to 65536"
      ),
      (
        ["stages[1].rank=0"],
        "$.stages[1].rank: found the integer 0, expected an integer from 1 to 16384"
      ),
      (
        ["stages[1].alpha=0"], "$.stages[1].alpha: found the integer 0, expected a number above 0.0"
      ),
      (
        ["stages[1].dropout=1"],
        "$.stages[1].dropout: found the integer 1, expected a number of at least 0.0 and below 1.0"
      ),
      (
        [#"stages[1].targets=["q_proj"]"#],
        "$.stages[1].targets[0]: found the string \"q_proj\", expected one of \"queries\", \"keys\", \"values\", \"output\""
      ),
      (
        [#"stages[1].targets=["keys", "keys"]"#],
        "$.stages[1].targets: names a projection twice; expected each at most once"
      ),
      (
        ["stages[1].targets=[]"],
        "$.stages[1].targets: is empty; expected at least one of queries, keys, values, output"
      ),
      (
        ["stages[2].steps=3"],
        "$.stages[2].steps: is not a known key; known keys here are ablations, baseline, "
          + "fidelity, id, measureFidelity, measureRecall, measureSpeed, recall, sequences, speed, stage, "
          + "tasks, thresholds, tolerance"
      ),
      (
        ["stages[2].thresholds.perplexityRato.maximum=2"],
        "$.stages[2].thresholds.perplexityRato: is not a known key; did you mean \"perplexityRatio\"?"
      ),
      (
        ["stages[2].thresholds.perplexityRatio={}"],
        "$.stages[2].thresholds.perplexityRatio: bounds nothing; give \"minimum\", \"maximum\" or both"
      ),
      (
        [#"stages[2].thresholds.transferLoss={"minimum": 3, "maximum": 1}"#],
        "$.stages[2].thresholds.transferLoss.minimum: found 3.0, expected at most the maximum, 1.0"
      ),
    ] as [([String], String)])
  func `A mistake inside a section or between sections is named with its path`(
    _ overrides: [String], _ expected: String
  ) throws {
    #expect(try SampleRecipe.mistakes(overrides).first == expected)
  }

  @Test func `Five mistakes are five lines of one message, and the exit status is 78`() throws {
    let error = #expect(throws: RecipeError.self) {
      try SampleRecipe.load([
        "seed=x", "teacher.pth=1", "stages[0].steps=0", "stages[1].rank=0", "stges=1",
      ])
    }
    #expect(error?.exitCode == .recipe)
    #expect(
      error?.description == """
        sample.json: 5 mistakes
          $.seed: found the string "x", expected an integer of at least 0
          $.teacher.pth: is not a known key; did you mean "path"?
          $.stages[0].steps: found the integer 0, expected an integer from 1 to 2147483648
          $.stages[1].rank: found the integer 0, expected an integer from 1 to 16384
          $.stges: is not a known key; did you mean "stages"?
        """)
  }
}
