// swift-tools-version: 6.2
import PackageDescription

/// Every target is held to the same rules: Swift 6 mode, no undeclared existentials or imports, no warnings.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // An async function then runs where its caller does: a request stays on its event loop from end to end.
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// Programs have Swift's libraries inside, as Debian has no package of them, and calls between the two take less time so
/// (docs/performance.md).
let programs: [LinkerSetting] = [
    .unsafeFlags(
        ["-static-stdlib"]
            // The parts of Foundation that objects do not ask for by name, and its system libraries by the names that they
            // have where there are no headers.
            + ["CoreFoundation", "_FoundationICU", "_FoundationCShims", "_FoundationCollections", "_CFXMLInterface"]
            .map { "-l\($0)" } + ["-l_CFURLSessionInterface", "-l:libxml2.so.2", "-l:libcurl.so.4"],
        .when(platforms: [.linux]))
]

let package = Package(
    name: "chatelaine",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "chatelaine", targets: ["chatelaine"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        // Exact, because the key material at rest depends on it and a newer version is a decision, not an accident.
        .package(url: "https://github.com/apple/swift-crypto.git", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.14.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.4.0"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache.git", from: "2.1.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/CoreOffice/XMLCoder.git", from: "0.18.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2.git", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport.git", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf.git", from: "2.4.1"),
        .package(url: "https://github.com/apple/swift-protobuf.git", from: "1.39.0"),
    ],
    targets: [
        // The vocabulary: identifiers, specs, states, records, errors, the API's shapes. Values only.
        .target(name: "KMSModel", swiftSettings: strict),

        // The only place where plaintext key material exists.
        .systemLibrary(
            name: "CSodium",
            pkgConfig: "libsodium",
            providers: [.apt(["libsodium-dev"])]
        ),
        .systemLibrary(
            name: "CLibcrypto",
            pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"])]
        ),
        // What swift-crypto lacks; a module of its own, because OpenSSL's headers and those of swift-crypto's BoringSSL
        // cannot be in one.
        .target(
            name: "KMSLibcrypto", dependencies: ["KMSModel", "CLibcrypto"],
            swiftSettings: strict + [.strictMemorySafety()]
        ),
        // By the BoringSSL that swift-crypto carries: ML-DSA, for swift-crypto itself has neither ML-DSA-44 nor signatures of a
        // message representative; AES-GCM and HMAC from memory to memory.
        .target(
            name: "KMSBoringSSL", dependencies: ["KMSModel", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict + [.strictMemorySafety()]
        ),
        // Keys in tokens; only headers are needed to build it, because the module of a token is loaded when the program runs.
        .systemLibrary(name: "CPKCS11", providers: [.apt(["libp11-kit-dev"])]),
        .target(
            name: "KMSPKCS11", dependencies: ["CPKCS11"], swiftSettings: strict + [.strictMemorySafety()]
        ),
        .target(
            name: "KMSCrypto",
            dependencies: [
                "KMSModel", "CSodium", "KMSLibcrypto", "KMSBoringSSL", "KMSPKCS11",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict + [.strictMemorySafety()]
        ),

        // One protocol, and its engines; they see wrapped bytes.
        .target(name: "KMSStore", dependencies: ["KMSModel"], swiftSettings: strict),
        .target(name: "KMSStoreSQL", dependencies: ["KMSModel", "KMSStore"], swiftSettings: strict),
        .target(
            name: "KMSStoreSQLite",
            dependencies: [
                "KMSModel", "KMSStore", "KMSStoreSQL", "TaskResumption",
                .product(name: "GRDB", package: "GRDB.swift"), .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: strict
        ),
        // PostgreSQL's own client library.
        .systemLibrary(name: "CPostgreSQL", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "KMSStorePostgreSQL", dependencies: ["KMSModel", "KMSStore", "KMSStoreSQL", "CPostgreSQL"],
            swiftSettings: strict + [.strictMemorySafety()]
        ),

        // Who signed this? May they? Pure functions of values.
        .target(name: "KMSAccess", dependencies: ["KMSModel", "KMSCrypto"], swiftSettings: strict),

        // Who there is: accounts, users, groups, roles, their policies and access keys, and the API that changes them.
        .target(
            name: "KMSIdentity", dependencies: ["KMSModel", "KMSAccess", "KMSCrypto", "KMSStore"],
            swiftSettings: strict
        ),

        // The pipeline, the operations, the state in memory, the audit log, the work that time brings.
        .target(
            name: "KMSEngine",
            dependencies: [
                "KMSModel", "KMSAccess", "KMSIdentity", "KMSCrypto", "KMSPKCS11", "KMSStore", "TaskResumption",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),

        // The console: pages for people, made of what the APIs answer them. It knows browsers, but not HTTP.
        .target(
            name: "KMSConsole",
            dependencies: [
                "KMSModel", "KMSAccess", "KMSIdentity", "KMSCrypto", "KMSEngine",
                .product(name: "Mustache", package: "swift-mustache"),
            ],
            resources: [.embedInCode("Templates"), .embedInCode("Assets")],
            swiftSettings: strict
        ),

        // Transport: bytes in, bytes out. Only this module knows HTTP.
        .target(
            name: "KMSServer",
            dependencies: [
                "EventLoopExecutor", "KMSModel", "KMSAccess", "KMSIdentity", "KMSEngine", "KMSConsole",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP2", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "XMLCoder", package: "XMLCoder"),
            ],
            swiftSettings: strict
        ),
        // Tasks that go on together once all were resumed.
        .target(name: "TaskResumption", swiftSettings: strict),
        // Swift's concurrency on the event loops, in programs that have Swift's libraries inside, and an event loop as what the
        // tasks of its connections prefer.
        .target(name: "CGlobalExecutor"),
        .target(
            name: "EventLoopExecutor",
            dependencies: [
                "CGlobalExecutor", "TaskResumption", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict + [.strictMemorySafety()]
        ),

        // Requests to other servers.
        .target(
            name: "KMSOutbound",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict
        ),

        // Kubernetes' door: its KMS v2 service on a Unix socket, which asks any server that speaks the KMS API.
        .target(
            name: "KMSKubernetes",
            dependencies: [
                "KMSModel", "KMSAccess", "KMSCrypto", "KMSOutbound",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            exclude: ["api.proto"],
            swiftSettings: strict
        ),

        .executableTarget(
            name: "chatelaine",
            dependencies: [
                "EventLoopExecutor", "KMSModel", "KMSAccess", "KMSIdentity", "KMSCrypto", "KMSEngine", "KMSKubernetes",
                "KMSOutbound", "KMSServer", "KMSStore", "KMSStoreSQLite", "KMSStorePostgreSQL",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict,
            linkerSettings: programs
        ),

        // The yardsticks of `make bench`: the same framework, and NIO alone, answering with what they were sent.
        .executableTarget(
            name: "echo-server",
            dependencies: [
                "EventLoopExecutor",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Benchmarks/EchoServer",
            swiftSettings: strict,
            linkerSettings: programs
        ),

        // What a decision costs, beside a seal: `make bench`.
        .executableTarget(
            name: "access-benchmark",
            dependencies: ["KMSModel", "KMSAccess", "KMSEngine", .product(name: "Crypto", package: "swift-crypto")],
            path: "Benchmarks/Access",
            swiftSettings: strict
        ),

        // What a call and its parts cost without a socket: `make check-instructions`, `make bench`.
        .executableTarget(
            name: "hot-path",
            dependencies: [
                "KMSModel", "KMSAccess", "KMSBoringSSL", "KMSCrypto", "KMSEngine", "KMSLibcrypto", "KMSServer",
                "KMSStore", "KMSStoreSQLite",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            path: "Benchmarks/HotPath",
            swiftSettings: strict,
            linkerSettings: programs
        ),

        // Fills stores with millions of genuine keys, and times what is asked of them: `make bench-keys`, `make bench`.
        .executableTarget(
            name: "many-keys",
            dependencies: [
                "KMSModel", "KMSAccess", "KMSCrypto", "KMSEngine", "KMSStore", "KMSStoreSQL", "KMSStoreSQLite",
                "KMSStorePostgreSQL",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            path: "Benchmarks/ManyKeys",
            swiftSettings: strict
        ),

        .testTarget(name: "KMSModelTests", dependencies: ["KMSModel"], swiftSettings: strict),
        .testTarget(
            name: "KMSCryptoTests",
            dependencies: ["KMSModel", "KMSCrypto", "TestVectors"],
            swiftSettings: strict
        ),
        // Targets of their own, because the headers of the two libraries cannot be in one.
        .testTarget(
            name: "KMSLibcryptoTests", dependencies: ["KMSModel", "KMSLibcrypto", "TestVectors"], swiftSettings: strict
        ),
        .testTarget(
            name: "KMSBoringSSLTests", dependencies: ["KMSModel", "KMSBoringSSL", "TestVectors"], swiftSettings: strict
        ),
        .testTarget(
            name: "KMSPKCS11Tests", dependencies: ["KMSPKCS11", "KMSCrypto", "KMSModel", "TestVectors"],
            swiftSettings: strict
        ),
        // Reads the data of Tests/Vectors.
        .target(name: "TestVectors", dependencies: ["KMSModel"], path: "Tests/TestVectors", swiftSettings: strict),
        .testTarget(
            name: "KMSAccessTests",
            dependencies: ["KMSModel", "KMSAccess", "KMSCrypto"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "KMSIdentityTests",
            dependencies: ["KMSModel", "KMSAccess", "KMSIdentity", "KMSCrypto", "KMSStore"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "KMSStoreTests",
            dependencies: [
                "KMSModel", "KMSStore", "KMSStoreSQLite", "KMSStorePostgreSQL",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "EventLoopExecutorTests",
            dependencies: [
                "EventLoopExecutor", "TaskResumption", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "KMSEngineTests",
            dependencies: [
                "KMSModel", "KMSAccess", "KMSCrypto", "KMSEngine", "KMSStore", "KMSStoreSQLite", "TaskResumption",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "KMSServerTests",
            dependencies: [
                "KMSModel", "KMSAccess", "KMSCrypto", "KMSEngine", "KMSServer", "KMSStoreSQLite",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "KMSConsoleTests", dependencies: ["KMSModel", "KMSAccess", "KMSConsole", "KMSEngine"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "KMSKubernetesTests",
            dependencies: [
                "KMSModel", "KMSKubernetes", .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        // The built program, driven by the real clients.
        .testTarget(name: "AcceptanceTests", exclude: ["Scripts"], swiftSettings: strict),
    ]
)
