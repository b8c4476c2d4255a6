/* Options:
Date: 2026-01-02 03:04:05
Version: 1.2.3
Tip: To override a DTO option, remove "//" prefix before updating
BaseUrl: https://ai.example.org

//AddServiceStackTypes: True
//IncludeTypes: 
//ExcludeTypes: 
//AddResponseStatus: False
//AddImplicitVersion: 
//AddDescriptionAsComments: True
//InitializeCollections: True
//TreatTypesAsStrings: 
//DefaultImports: Foundation,ServiceStack
*/

import Foundation
import ServiceStack

/**
* What every generation has.
*/
public protocol IGeneration
{
    var refId:String? { get set }
    var tag:String? { get set }
}

/**
* How.
*/
public enum Mode : String, Codable
{
    case MP3 = "mp3"
    case JsonObject = "json_object"
}

public enum Task : Int, Codable
{
    case TextToImage = 1
    case SpeechToText = 8
}

public class KeyValuePair<TKey : Codable, TValue : Codable> : Codable
{
    public var key:TKey?
    public var value:TValue?

    required public init(){}
}

/**
* A thing of every kind. In two lines.
*/
public class Thing : Codable
{
    /**
    * The number that it is known by.
    */
    public var id:Int?
    public var parentId:Int?
    public var from:String?
    /**
    * At most so many; "about" will do. * /
    */
    public var max_tokens:Int?
    public var logprobs:Bool?
    public var share:Double?
    public var denoise:Float?
    public var cost:Double?
    public var enabled:Bool?
    public var createdDate:Date?
    public var offlineDate:Date?
    @TimeSpan public var duration:TimeInterval?
    public var bytes:Data?
    public var anything:JsonValue?
    public var tags:[String] = []
    public var names:[String]?
    public var apiModels:[String:String] = [:]
    public var counts:[Int:Int]?
    public var paths:[Int:[String]]?
    public var mode:Mode?
    public var task:Task?
    public var pairs:[KeyValuePair<String, Int>]?
    public var other:Thing?
    public var error:ResponseStatus?

    required public init(){}
}

public enum Plain : String, Codable
{
    case TopLeft
    case Center
}

public class Special : Thing
{
    public var place:Plain?

    required public init(){ super.init() }

    private enum CodingKeys : String, CodingKey {
        case place
    }

    required public init(from decoder: Decoder) throws {
        try super.init(from: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        place = try container.decodeIfPresent(Plain.self, forKey: .place)
    }

    public override func encode(to encoder: Encoder) throws {
        try super.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(place, forKey: .place)
    }
}

public class MakeThingResponse : Codable
{
    public var results:[Thing]?
    public var responseStatus:ResponseStatus?

    required public init(){}
}

/**
* Makes a thing.
*/
// @Route("/v1/things", "POST")
// @Route("/things/{Id}")
public class MakeThing : IReturn, IGeneration, IPost, Codable
{
    public typealias Return = MakeThingResponse

    public var image:Data?
    /**
    * What to make.
    */
    public var prompt:String?
    public var mode:Mode?
    public var refId:String?
    public var tag:String?

    required public init(){}
}

public class MakeSpecial : Special, IReturn
{
    public typealias Return = MakeThingResponse

    public var provider:String?

    required public init(){ super.init() }

    private enum CodingKeys : String, CodingKey {
        case provider
    }

    required public init(from decoder: Decoder) throws {
        try super.init(from: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        provider = try container.decodeIfPresent(String.self, forKey: .provider)
    }

    public override func encode(to encoder: Encoder) throws {
        try super.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(provider, forKey: .provider)
    }
}

public class QueryThings : QueryDb<Thing>, IReturn, IGet
{
    public typealias Return = QueryResponse<Thing>

    public var id:Int?

    required public init(){ super.init() }

    private enum CodingKeys : String, CodingKey {
        case id
    }

    required public init(from decoder: Decoder) throws {
        try super.init(from: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decodeIfPresent(Int.self, forKey: .id)
    }

    public override func encode(to encoder: Encoder) throws {
        try super.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(id, forKey: .id)
    }
}

public class CreateThing : IReturn, Codable
{
    public typealias Return = MakeThingResponse

    public var name:String?

    required public init(){}
}

/**
* Deletes it.
*/
public class DeleteThing : IReturnVoid, IDelete, Codable
{
    public var id:Int?

    required public init(){}
}

public class GetThingFile : IReturn, IGet, Codable
{
    public typealias Return = Data

    required public init(){}
}

public class GetThingText : IReturn, IGet, Codable
{
    public typealias Return = String

    required public init(){}
}

public class GetThingNames : IReturn, IGet, Codable
{
    public typealias Return = [String]

    required public init(){}
}

/**
* Any value that JSON can hold.
*/
public enum JsonValue : Codable, Equatable
{
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JsonValue])
    case object([String:JsonValue])

    public init(from decoder: Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() { self = .null }
        else if let value = try? container.decode(Bool.self) { self = .bool(value) }
        else if let value = try? container.decode(Double.self) { self = .number(value) }
        else if let value = try? container.decode(String.self) { self = .string(value) }
        else if let value = try? container.decode([JsonValue].self) { self = .array(value) }
        else { self = .object(try container.decode([String:JsonValue].self)) }
    }

    public func encode(to encoder: Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

extension JsonValue : ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .number(Double(value)) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension JsonValue : ExpressibleByFloatLiteral
{
    public init(floatLiteral value: Double) { self = .number(value) }
}
