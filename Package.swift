// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "linearize",
  products: [.executable(name: "linearize", targets: ["linearize"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.0.3"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.0.0"),
    .package(url: "https://github.com/swhitty/FlyingFox", .upToNextMinor(from: "0.27.1")),
  ],
  targets: [
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(
      name: "CHDF5", pkgConfig: "hdf5-serial", providers: [.apt(["libhdf5-dev"])]),
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "COpenBLASChoice", dependencies: ["COpenBLAS", "CVectorKernels"]),
    .target(name: "CVectorKernels"),

    .target(name: "Documents"),
    .target(name: "TensorCore", dependencies: ["CVectorKernels"]),
    .target(
      name: "Operations",
      dependencies: [
        "TensorCore", "COpenBLAS", "COpenBLASChoice", "CVectorKernels",
        .product(name: "RealModule", package: "swift-numerics"),
      ]),
    .target(name: "Differentiation", dependencies: ["Operations"]),
    .target(name: "Students", dependencies: ["Differentiation", "Documents"]),
    .target(name: "Transformers", dependencies: ["Students"]),
    .target(
      name: "Checkpoints",
      dependencies: ["TensorCore", "CHDF5", "COpenSSL", "Documents"]),
    .target(name: "Corpus", dependencies: ["CZlib", "Documents"]),
    .target(name: "Training", dependencies: ["Differentiation", "Documents"]),
    .target(name: "Results", dependencies: ["Documents"]),
    .target(name: "Evaluation", dependencies: ["Transformers", "Corpus", "Results", "Documents"]),
    .target(
      name: "Reports",
      dependencies: [
        "Results", "Documents", .product(name: "Mustache", package: "swift-mustache"),
      ],
      resources: [.embedInCode("Templates")]),
    .target(
      name: "Models",
      dependencies: [
        "Evaluation", "Checkpoints", "Corpus", "Transformers", "Reports", "Results", "Documents",
      ],
      resources: [.embedInCode("Export/modeling_linearize.py")]),
    .target(name: "Pipeline", dependencies: ["Models", "Training", "Evaluation", "Reports"]),
    .target(
      name: "Serving",
      dependencies: [
        "Models", .product(name: "FlyingFox", package: "FlyingFox"),
        .product(name: "FlyingSocks", package: "FlyingFox"),
      ]),
    .executableTarget(
      name: "linearize",
      dependencies: [
        "Pipeline", "Serving", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(name: "OperationBenchmarks", dependencies: ["Pipeline"]),

    .testTarget(name: "DocumentsTests", dependencies: ["Documents"]),
    .testTarget(name: "TensorCoreTests", dependencies: ["TensorCore"]),
    .target(
      name: "TestSupport", dependencies: ["Documents", "TensorCore"], path: "Tests/TestSupport"),
    .testTarget(
      name: "OperationsTests",
      dependencies: [
        "Operations", "TestSupport", .product(name: "RealModule", package: "swift-numerics"),
      ]),
    .testTarget(name: "DifferentiationTests", dependencies: ["Differentiation", "TestSupport"]),
    .testTarget(
      name: "StudentsTests", dependencies: ["Students", "TestSupport"],
      resources: [.copy("Goldens")]),
    .testTarget(
      name: "TransformersTests", dependencies: ["Transformers", "Checkpoints", "TestSupport"],
      resources: [.copy("Goldens")]),
    .testTarget(
      name: "CheckpointsTests", dependencies: ["Checkpoints"], resources: [.copy("Goldens")]),
    .testTarget(
      name: "CorpusTests", dependencies: ["Corpus", "CZlib", "TestSupport"],
      resources: [.copy("Goldens")]),
    .testTarget(name: "TrainingTests", dependencies: ["Training", "TestSupport"]),
    .testTarget(name: "ResultsTests", dependencies: ["Results"]),
    .testTarget(name: "ReportsTests", dependencies: ["Reports"]),
    .testTarget(
      name: "EvaluationTests", dependencies: ["Evaluation", "TestSupport"],
      resources: [.copy("Goldens")]),
    .target(
      name: "ModelsTestSupport", dependencies: ["Models"], path: "Tests/ModelsTestSupport"),
    .testTarget(
      name: "ModelsTests", dependencies: ["Models", "ModelsTestSupport", "TestSupport"],
      exclude: ["Goldens"]),
    .testTarget(
      name: "PipelineTests", dependencies: ["Pipeline", "ModelsTestSupport", "TestSupport"]),
    .testTarget(
      name: "ServingTests", dependencies: ["Serving", "ModelsTestSupport", "TestSupport"]),
    .testTarget(name: "linearizeTests", dependencies: ["linearize", "TestSupport"]),
  ],
  swiftLanguageModes: [.v6]
)
