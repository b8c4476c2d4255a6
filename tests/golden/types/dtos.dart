/* Options:
Date: 2026-01-02 03:04:05
Version: 1.2.3
Tip: To override a DTO option, remove "//" prefix before updating
BaseUrl: https://ai.example.org

//GlobalNamespace: 
//AddServiceStackTypes: True
//AddResponseStatus: False
//AddImplicitVersion: 
//AddDescriptionAsComments: True
//IncludeTypes: 
//ExcludeTypes: 
//DefaultImports: package:servicestack/servicestack.dart,dart:typed_data
*/

import 'dart:typed_data';
import 'package:servicestack/servicestack.dart';

/// What every generation has.
abstract class IGeneration {
    String? refId;
    String? tag;
}

/// How.
enum Mode {
    MP3('mp3'),
    JsonObject('json_object');

    final String value;
    const Mode(this.value);
}

enum Task {
    TextToImage(1),
    SpeechToText(8);

    final int value;
    const Task(this.value);
}

/// A thing of every kind. In two lines.
class Thing implements IConvertible {
    /// The number that it is known by.
    int? id;
    int? parentId;
    String? from;
    /// At most so many; "about" will do. * /
    int? max_tokens;
    bool? logprobs;
    double? share;
    double? denoise;
    double? cost;
    bool? enabled;
    DateTime? createdDate;
    DateTime? offlineDate;
    Duration? duration;
    Uint8List? bytes;
    dynamic anything;
    List<String>? tags;
    List<String>? names;
    Map<String, String?>? apiModels;
    Map<int, int?>? counts;
    Map<Task, List<String>?>? paths;
    Mode? mode;
    Task? task;
    List<KeyValuePair<String, int>>? pairs;
    Thing? other;
    ResponseStatus? error;

    Thing({this.id, this.parentId, this.from, this.max_tokens, this.logprobs, this.share, this.denoise, this.cost, this.enabled, this.createdDate, this.offlineDate, this.duration, this.bytes, this.anything, this.tags, this.names, this.apiModels, this.counts, this.paths, this.mode, this.task, this.pairs, this.other, this.error});
    Thing.fromJson(Map<String, dynamic> json) { fromMap(json); }

    fromMap(Map<String, dynamic> json) {
        id = json['id'];
        parentId = json['parentId'];
        from = json['from'];
        max_tokens = json['max_tokens'];
        logprobs = json['logprobs'];
        share = JsonConverters.toDouble(json['share']);
        denoise = JsonConverters.toDouble(json['denoise']);
        cost = JsonConverters.toDouble(json['cost']);
        enabled = json['enabled'];
        createdDate = JsonConverters.fromJson(json['createdDate'], 'DateTime', context!);
        offlineDate = JsonConverters.fromJson(json['offlineDate'], 'DateTime', context!);
        duration = JsonConverters.fromJson(json['duration'], 'Duration', context!);
        bytes = JsonConverters.fromJson(json['bytes'], 'Uint8List', context!);
        anything = json['anything'];
        tags = JsonConverters.fromJson(json['tags'], 'List<String>', context!);
        names = JsonConverters.fromJson(json['names'], 'List<String>', context!);
        apiModels = JsonConverters.toStringMap(json['apiModels']);
        counts = JsonConverters.fromJson(json['counts'], 'Map<int,int?>', context!);
        paths = JsonConverters.fromJson(json['paths'], 'Map<Task,List<String>?>', context!);
        mode = JsonConverters.fromJson(json['mode'], 'Mode', context!);
        task = JsonConverters.fromJson(json['task'], 'Task', context!);
        pairs = JsonConverters.fromJson(json['pairs'], 'List<KeyValuePair<String,int>>', context!);
        other = JsonConverters.fromJson(json['other'], 'Thing', context!);
        error = JsonConverters.fromJson(json['error'], 'ResponseStatus', context!);
        return this;
    }

    Map<String, dynamic> toJson() => {
        'id': id,
        'parentId': parentId,
        'from': from,
        'max_tokens': max_tokens,
        'logprobs': logprobs,
        'share': share,
        'denoise': denoise,
        'cost': cost,
        'enabled': enabled,
        'createdDate': JsonConverters.toJson(createdDate, 'DateTime', context!),
        'offlineDate': JsonConverters.toJson(offlineDate, 'DateTime', context!),
        'duration': JsonConverters.toJson(duration, 'Duration', context!),
        'bytes': JsonConverters.toJson(bytes, 'Uint8List', context!),
        'anything': anything,
        'tags': JsonConverters.toJson(tags, 'List<String>', context!),
        'names': JsonConverters.toJson(names, 'List<String>', context!),
        'apiModels': apiModels,
        'counts': JsonConverters.toJson(counts, 'Map<int,int?>', context!),
        'paths': JsonConverters.toJson(paths, 'Map<Task,List<String>?>', context!),
        'mode': JsonConverters.toJson(mode, 'Mode', context!),
        'task': JsonConverters.toJson(task, 'Task', context!),
        'pairs': JsonConverters.toJson(pairs, 'List<KeyValuePair<String,int>>', context!),
        'other': JsonConverters.toJson(other, 'Thing', context!),
        'error': JsonConverters.toJson(error, 'ResponseStatus', context!),
    };

    getTypeName() => "Thing";
    TypeContext? context = _ctx;
}

enum Plain {
    TopLeft,
    Center,
}

class Special extends Thing implements IConvertible {
    Plain? place;

    Special({this.place});
    Special.fromJson(Map<String, dynamic> json) { fromMap(json); }

    fromMap(Map<String, dynamic> json) {
        super.fromMap(json);
        place = JsonConverters.fromJson(json['place'], 'Plain', context!);
        return this;
    }

    Map<String, dynamic> toJson() => super.toJson()..addAll({
        'place': JsonConverters.toJson(place, 'Plain', context!),
    });

    getTypeName() => "Special";
    TypeContext? context = _ctx;
}

class MakeThingResponse implements IConvertible {
    List<Thing>? results;
    ResponseStatus? responseStatus;

    MakeThingResponse({this.results, this.responseStatus});
    MakeThingResponse.fromJson(Map<String, dynamic> json) { fromMap(json); }

    fromMap(Map<String, dynamic> json) {
        results = JsonConverters.fromJson(json['results'], 'List<Thing>', context!);
        responseStatus = JsonConverters.fromJson(json['responseStatus'], 'ResponseStatus', context!);
        return this;
    }

    Map<String, dynamic> toJson() => {
        'results': JsonConverters.toJson(results, 'List<Thing>', context!),
        'responseStatus': JsonConverters.toJson(responseStatus, 'ResponseStatus', context!),
    };

    getTypeName() => "MakeThingResponse";
    TypeContext? context = _ctx;
}

/// Makes a thing.
// @Route("/v1/things", "POST")
// @Route("/things/{Id}")
class MakeThing implements IReturn<MakeThingResponse>, IGeneration, IPost, IConvertible {
    Uint8List? image;
    /// What to make.
    String? prompt;
    Mode? mode;
    String? refId;
    String? tag;

    MakeThing({this.image, this.prompt, this.mode, this.refId, this.tag});
    MakeThing.fromJson(Map<String, dynamic> json) { fromMap(json); }

    fromMap(Map<String, dynamic> json) {
        image = JsonConverters.fromJson(json['image'], 'Uint8List', context!);
        prompt = json['prompt'];
        mode = JsonConverters.fromJson(json['mode'], 'Mode', context!);
        refId = json['refId'];
        tag = json['tag'];
        return this;
    }

    Map<String, dynamic> toJson() => {
        'image': JsonConverters.toJson(image, 'Uint8List', context!),
        'prompt': prompt,
        'mode': JsonConverters.toJson(mode, 'Mode', context!),
        'refId': refId,
        'tag': tag,
    };

    createResponse() => MakeThingResponse();
    getResponseTypeName() => "MakeThingResponse";
    getTypeName() => "MakeThing";
    TypeContext? context = _ctx;
}

class MakeSpecial extends Special implements IReturn<MakeThingResponse>, IPost, IConvertible {
    String? provider;

    MakeSpecial({this.provider});
    MakeSpecial.fromJson(Map<String, dynamic> json) { fromMap(json); }

    fromMap(Map<String, dynamic> json) {
        super.fromMap(json);
        provider = json['provider'];
        return this;
    }

    Map<String, dynamic> toJson() => super.toJson()..addAll({
        'provider': provider,
    });

    createResponse() => MakeThingResponse();
    getResponseTypeName() => "MakeThingResponse";
    getTypeName() => "MakeSpecial";
    TypeContext? context = _ctx;
}

class QueryThings extends QueryDb<Thing> implements IReturn<QueryResponse<Thing>>, IGet, IConvertible {
    int? id;

    QueryThings({this.id});
    QueryThings.fromJson(Map<String, dynamic> json) { fromMap(json); }

    fromMap(Map<String, dynamic> json) {
        super.fromMap(json);
        id = json['id'];
        return this;
    }

    Map<String, dynamic> toJson() => super.toJson()..addAll({
        'id': id,
    });

    createResponse() => QueryResponse<Thing>();
    getResponseTypeName() => "QueryResponse<Thing>";
    getTypeName() => "QueryThings";
    TypeContext? context = _ctx;
}

class CreateThing implements IReturn<MakeThingResponse>, ICreateDb<Thing>, IPost, IConvertible {
    String? name;

    CreateThing({this.name});
    CreateThing.fromJson(Map<String, dynamic> json) { fromMap(json); }

    fromMap(Map<String, dynamic> json) {
        name = json['name'];
        return this;
    }

    Map<String, dynamic> toJson() => {
        'name': name,
    };

    createResponse() => MakeThingResponse();
    getResponseTypeName() => "MakeThingResponse";
    getTypeName() => "CreateThing";
    TypeContext? context = _ctx;
}

/// Deletes it.
class DeleteThing implements IReturnVoid, IDeleteDb<Thing>, IDelete, IConvertible {
    int? id;

    DeleteThing({this.id});
    DeleteThing.fromJson(Map<String, dynamic> json) { fromMap(json); }

    fromMap(Map<String, dynamic> json) {
        id = json['id'];
        return this;
    }

    Map<String, dynamic> toJson() => {
        'id': id,
    };

    createResponse() {}
    getTypeName() => "DeleteThing";
    TypeContext? context = _ctx;
}

class GetThingFile implements IReturn<Uint8List>, IGet, IConvertible {
    GetThingFile();
    GetThingFile.fromJson(Map<String, dynamic> json) { fromMap(json); }

    fromMap(Map<String, dynamic> json) {
        return this;
    }

    Map<String, dynamic> toJson() => {
    };

    createResponse() => Uint8List(0);
    getResponseTypeName() => "Uint8List";
    getTypeName() => "GetThingFile";
    TypeContext? context = _ctx;
}

class GetThingText implements IReturn<String>, IGet, IConvertible {
    GetThingText();
    GetThingText.fromJson(Map<String, dynamic> json) { fromMap(json); }

    fromMap(Map<String, dynamic> json) {
        return this;
    }

    Map<String, dynamic> toJson() => {
    };

    createResponse() => '';
    getResponseTypeName() => "String";
    getTypeName() => "GetThingText";
    TypeContext? context = _ctx;
}

class GetThingNames implements IReturn<List<String>>, IGet, IConvertible {
    GetThingNames();
    GetThingNames.fromJson(Map<String, dynamic> json) { fromMap(json); }

    fromMap(Map<String, dynamic> json) {
        return this;
    }

    Map<String, dynamic> toJson() => {
    };

    createResponse() => <String>[];
    getResponseTypeName() => "List<String>";
    getTypeName() => "GetThingNames";
    TypeContext? context = _ctx;
}

TypeContext _ctx = TypeContext(library: 'ai.example.org', types: <String, TypeInfo>{
    'IGeneration': TypeInfo(TypeOf.Interface),
    'Mode': TypeInfo(TypeOf.Enum, enumValues: Mode.values),
    'Task': TypeInfo(TypeOf.Enum, enumValues: Task.values),
    'Thing': TypeInfo(TypeOf.Class, create: () => Thing()),
    'List<String>': TypeInfo(TypeOf.Class, create: () => <String>[]),
    'Map<String,String?>': TypeInfo(TypeOf.Class, create: () => <String, String?>{}),
    'Map<int,int?>': TypeInfo(TypeOf.Class, create: () => <int, int?>{}),
    'Map<Task,List<String>?>': TypeInfo(TypeOf.Class, create: () => <Task, List<String>?>{}),
    'KeyValuePair<String,int>': TypeInfo(TypeOf.Class, create: () => KeyValuePair<String, int>()),
    'List<KeyValuePair<String,int>>': TypeInfo(TypeOf.Class, create: () => <KeyValuePair<String, int>>[]),
    'Plain': TypeInfo(TypeOf.Enum, enumValues: Plain.values),
    'Special': TypeInfo(TypeOf.Class, create: () => Special()),
    'MakeThingResponse': TypeInfo(TypeOf.Class, create: () => MakeThingResponse()),
    'List<Thing>': TypeInfo(TypeOf.Class, create: () => <Thing>[]),
    'MakeThing': TypeInfo(TypeOf.Class, create: () => MakeThing()),
    'MakeSpecial': TypeInfo(TypeOf.Class, create: () => MakeSpecial()),
    'QueryThings': TypeInfo(TypeOf.Class, create: () => QueryThings()),
    'QueryResponse<Thing>': TypeInfo(TypeOf.Class, create: () => QueryResponse<Thing>()),
    'CreateThing': TypeInfo(TypeOf.Class, create: () => CreateThing()),
    'DeleteThing': TypeInfo(TypeOf.Class, create: () => DeleteThing()),
    'GetThingFile': TypeInfo(TypeOf.Class, create: () => GetThingFile()),
    'GetThingText': TypeInfo(TypeOf.Class, create: () => GetThingText()),
    'GetThingNames': TypeInfo(TypeOf.Class, create: () => GetThingNames()),
});
