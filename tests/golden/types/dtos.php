<?php namespace dtos;
/* Options:
Date: 2026-01-02 03:04:05
Version: 1.2.3
Tip: To override a DTO option, remove "//" prefix before updating
BaseUrl: https://ai.example.org

//GlobalNamespace: dtos
//MakePropertiesOptional: False
//AddServiceStackTypes: True
//AddResponseStatus: False
//AddImplicitVersion: 
//AddDescriptionAsComments: True
//IncludeTypes: 
//ExcludeTypes: 
//DefaultImports: 
*/

use DateTime;
use Exception;
use DateInterval;
use JsonSerializable;
use ServiceStack\{IReturn,IReturnVoid,IGet,IPost,IPut,IDelete,IPatch,ICreateDb,IUpdateDb,IPatchDb,IDeleteDb,ISaveDb};
use ServiceStack\{QueryBase,QueryDb,QueryData,QueryResponse,ResponseStatus,ResponseError,EmptyResponse,IdResponse};
use ServiceStack\{KeyValuePair2,StringResponse,StringsResponse,ByteArray,JsonConverters,Returns,TypeContext};

/** @description What every generation has. */
/**
 * @property string|null $refId
 * @property string|null $tag
 */
interface IGeneration
{
}

/** @description How. */
enum Mode : string
{
    case MP3 = 'mp3';
    case JsonObject = 'json_object';
}

enum Task : int
{
    case TextToImage = 1;
    case SpeechToText = 8;
}

/** @description A thing of every kind. In two lines. */
class Thing implements JsonSerializable
{
    public function __construct(
        /** @description The number that it is known by. */
        /** @var int */
        public int $id=0,
        /** @var int|null */
        public ?int $parentId=null,
        /** @var string */
        public string $from='',
        /** @description At most so many; "about" will do. * / */
        /** @var int|null */
        public ?int $max_tokens=null,
        /** @var bool|null */
        public ?bool $logprobs=null,
        /** @var float */
        public float $share=0.0,
        /** @var float|null */
        public ?float $denoise=null,
        /** @var float */
        public float $cost=0.0,
        /** @var bool */
        public bool $enabled=false,
        /** @var DateTime */
        public DateTime $createdDate=new DateTime(),
        /** @var DateTime|null */
        public ?DateTime $offlineDate=null,
        /** @var DateInterval|null */
        public ?DateInterval $duration=null,
        /** @var ByteArray|null */
        public ?ByteArray $bytes=null,
        /** @var mixed|null */
        public mixed $anything=null,
        /** @var array<string>|null */
        public ?array $tags=null,
        /** @var array<string>|null */
        public ?array $names=null,
        /** @var array<string,string>|null */
        public ?array $apiModels=null,
        /** @var array<int,int>|null */
        public ?array $counts=null,
        /** @var array<Task,array<string>>|null */
        public ?array $paths=null,
        /** @var Mode|null */
        public ?Mode $mode=null,
        /** @var Task|null */
        public ?Task $task=null,
        /** @var array<KeyValuePair2<string,int>>|null */
        public ?array $pairs=null,
        /** @var Thing|null */
        public ?Thing $other=null,
        /** @var ResponseStatus|null */
        public ?ResponseStatus $error=null
    ) {
    }

    /** @throws Exception */
    public function fromMap($o): void {
        if (isset($o['id'])) $this->id = $o['id'];
        if (isset($o['parentId'])) $this->parentId = $o['parentId'];
        if (isset($o['from'])) $this->from = $o['from'];
        if (isset($o['max_tokens'])) $this->max_tokens = $o['max_tokens'];
        if (isset($o['logprobs'])) $this->logprobs = $o['logprobs'];
        if (isset($o['share'])) $this->share = $o['share'];
        if (isset($o['denoise'])) $this->denoise = $o['denoise'];
        if (isset($o['cost'])) $this->cost = $o['cost'];
        if (isset($o['enabled'])) $this->enabled = $o['enabled'];
        if (isset($o['createdDate'])) $this->createdDate = JsonConverters::from('DateTime', $o['createdDate']);
        if (isset($o['offlineDate'])) $this->offlineDate = JsonConverters::from('DateTime', $o['offlineDate']);
        if (isset($o['duration'])) $this->duration = JsonConverters::from('DateInterval', $o['duration']);
        if (isset($o['bytes'])) $this->bytes = JsonConverters::from('ByteArray', $o['bytes']);
        if (isset($o['anything'])) $this->anything = $o['anything'];
        if (isset($o['tags'])) $this->tags = JsonConverters::fromArray('string', $o['tags']);
        if (isset($o['names'])) $this->names = JsonConverters::fromArray('string', $o['names']);
        if (isset($o['apiModels'])) $this->apiModels = JsonConverters::from(JsonConverters::context('Dictionary',genericArgs:['string','string']), $o['apiModels']);
        if (isset($o['counts'])) $this->counts = JsonConverters::from(JsonConverters::context('Dictionary',genericArgs:['int','int']), $o['counts']);
        if (isset($o['paths'])) $this->paths = JsonConverters::from(JsonConverters::context('Dictionary',genericArgs:['Task','List<string>']), $o['paths']);
        if (isset($o['mode'])) $this->mode = JsonConverters::from('Mode', $o['mode']);
        if (isset($o['task'])) $this->task = JsonConverters::from('Task', $o['task']);
        if (isset($o['pairs'])) $this->pairs = JsonConverters::fromArray(JsonConverters::context('KeyValuePair2',genericArgs:['string','int']), $o['pairs']);
        if (isset($o['other'])) $this->other = JsonConverters::from('Thing', $o['other']);
        if (isset($o['error'])) $this->error = JsonConverters::from('ResponseStatus', $o['error']);
    }

    /** @throws Exception */
    public function jsonSerialize(): mixed
    {
        $o = [];
        if (isset($this->id)) $o['id'] = $this->id;
        if (isset($this->parentId)) $o['parentId'] = $this->parentId;
        if (isset($this->from)) $o['from'] = $this->from;
        if (isset($this->max_tokens)) $o['max_tokens'] = $this->max_tokens;
        if (isset($this->logprobs)) $o['logprobs'] = $this->logprobs;
        if (isset($this->share)) $o['share'] = $this->share;
        if (isset($this->denoise)) $o['denoise'] = $this->denoise;
        if (isset($this->cost)) $o['cost'] = $this->cost;
        if (isset($this->enabled)) $o['enabled'] = $this->enabled;
        if (isset($this->createdDate)) $o['createdDate'] = JsonConverters::to('DateTime', $this->createdDate);
        if (isset($this->offlineDate)) $o['offlineDate'] = JsonConverters::to('DateTime', $this->offlineDate);
        if (isset($this->duration)) $o['duration'] = JsonConverters::to('DateInterval', $this->duration);
        if (isset($this->bytes)) $o['bytes'] = JsonConverters::to('ByteArray', $this->bytes);
        if (isset($this->anything)) $o['anything'] = $this->anything;
        if (isset($this->tags)) $o['tags'] = JsonConverters::toArray('string', $this->tags);
        if (isset($this->names)) $o['names'] = JsonConverters::toArray('string', $this->names);
        if (isset($this->apiModels)) $o['apiModels'] = JsonConverters::to(JsonConverters::context('Dictionary',genericArgs:['string','string']), $this->apiModels);
        if (isset($this->counts)) $o['counts'] = JsonConverters::to(JsonConverters::context('Dictionary',genericArgs:['int','int']), $this->counts);
        if (isset($this->paths)) $o['paths'] = JsonConverters::to(JsonConverters::context('Dictionary',genericArgs:['Task','List<string>']), $this->paths);
        if (isset($this->mode)) $o['mode'] = JsonConverters::to('Mode', $this->mode);
        if (isset($this->task)) $o['task'] = JsonConverters::to('Task', $this->task);
        if (isset($this->pairs)) $o['pairs'] = JsonConverters::toArray(JsonConverters::context('KeyValuePair2',genericArgs:['string','int']), $this->pairs);
        if (isset($this->other)) $o['other'] = JsonConverters::to('Thing', $this->other);
        if (isset($this->error)) $o['error'] = JsonConverters::to('ResponseStatus', $this->error);
        return empty($o) ? new class(){} : $o;
    }
}

enum Plain : string
{
    case TopLeft = 'TopLeft';
    case Center = 'Center';
}

class Special extends Thing implements JsonSerializable
{
    public function __construct(
        ?int $id=null,
        ?int $parentId=null,
        ?string $from=null,
        ?int $max_tokens=null,
        ?bool $logprobs=null,
        ?float $share=null,
        ?float $denoise=null,
        ?float $cost=null,
        ?bool $enabled=null,
        ?DateTime $createdDate=null,
        ?DateTime $offlineDate=null,
        ?DateInterval $duration=null,
        ?ByteArray $bytes=null,
        mixed $anything=null,
        ?array $tags=null,
        ?array $names=null,
        ?array $apiModels=null,
        ?array $counts=null,
        ?array $paths=null,
        ?Mode $mode=null,
        ?Task $task=null,
        ?array $pairs=null,
        ?Thing $other=null,
        ?ResponseStatus $error=null,
        /** @var Plain|null */
        public ?Plain $place=null
    ) {
        parent::__construct();
        if ($id !== null) $this->id = $id;
        if ($parentId !== null) $this->parentId = $parentId;
        if ($from !== null) $this->from = $from;
        if ($max_tokens !== null) $this->max_tokens = $max_tokens;
        if ($logprobs !== null) $this->logprobs = $logprobs;
        if ($share !== null) $this->share = $share;
        if ($denoise !== null) $this->denoise = $denoise;
        if ($cost !== null) $this->cost = $cost;
        if ($enabled !== null) $this->enabled = $enabled;
        if ($createdDate !== null) $this->createdDate = $createdDate;
        if ($offlineDate !== null) $this->offlineDate = $offlineDate;
        if ($duration !== null) $this->duration = $duration;
        if ($bytes !== null) $this->bytes = $bytes;
        if ($anything !== null) $this->anything = $anything;
        if ($tags !== null) $this->tags = $tags;
        if ($names !== null) $this->names = $names;
        if ($apiModels !== null) $this->apiModels = $apiModels;
        if ($counts !== null) $this->counts = $counts;
        if ($paths !== null) $this->paths = $paths;
        if ($mode !== null) $this->mode = $mode;
        if ($task !== null) $this->task = $task;
        if ($pairs !== null) $this->pairs = $pairs;
        if ($other !== null) $this->other = $other;
        if ($error !== null) $this->error = $error;
    }

    /** @throws Exception */
    public function fromMap($o): void {
        parent::fromMap($o);
        if (isset($o['place'])) $this->place = JsonConverters::from('Plain', $o['place']);
    }

    /** @throws Exception */
    public function jsonSerialize(): mixed
    {
        $o = (array)parent::jsonSerialize();
        if (isset($this->place)) $o['place'] = JsonConverters::to('Plain', $this->place);
        return empty($o) ? new class(){} : $o;
    }
}

class MakeThingResponse implements JsonSerializable
{
    public function __construct(
        /** @var array<Thing>|null */
        public ?array $results=null,
        /** @var ResponseStatus|null */
        public ?ResponseStatus $responseStatus=null
    ) {
    }

    /** @throws Exception */
    public function fromMap($o): void {
        if (isset($o['results'])) $this->results = JsonConverters::fromArray('Thing', $o['results']);
        if (isset($o['responseStatus'])) $this->responseStatus = JsonConverters::from('ResponseStatus', $o['responseStatus']);
    }

    /** @throws Exception */
    public function jsonSerialize(): mixed
    {
        $o = [];
        if (isset($this->results)) $o['results'] = JsonConverters::toArray('Thing', $this->results);
        if (isset($this->responseStatus)) $o['responseStatus'] = JsonConverters::to('ResponseStatus', $this->responseStatus);
        return empty($o) ? new class(){} : $o;
    }
}

/** @description Makes a thing. */
// @Route("/v1/things", "POST")
// @Route("/things/{Id}")
#[Returns('MakeThingResponse')]
class MakeThing implements IReturn, IGeneration, IPost, JsonSerializable
{
    public function __construct(
        /** @var ByteArray|null */
        public ?ByteArray $image=null,
        /** @description What to make. */
        /** @var string */
        public string $prompt='',
        /** @var Mode|null */
        public ?Mode $mode=null,
        /** @var string|null */
        public ?string $refId=null,
        /** @var string|null */
        public ?string $tag=null
    ) {
    }

    /** @throws Exception */
    public function fromMap($o): void {
        if (isset($o['image'])) $this->image = JsonConverters::from('ByteArray', $o['image']);
        if (isset($o['prompt'])) $this->prompt = $o['prompt'];
        if (isset($o['mode'])) $this->mode = JsonConverters::from('Mode', $o['mode']);
        if (isset($o['refId'])) $this->refId = $o['refId'];
        if (isset($o['tag'])) $this->tag = $o['tag'];
    }

    /** @throws Exception */
    public function jsonSerialize(): mixed
    {
        $o = [];
        if (isset($this->image)) $o['image'] = JsonConverters::to('ByteArray', $this->image);
        if (isset($this->prompt)) $o['prompt'] = $this->prompt;
        if (isset($this->mode)) $o['mode'] = JsonConverters::to('Mode', $this->mode);
        if (isset($this->refId)) $o['refId'] = $this->refId;
        if (isset($this->tag)) $o['tag'] = $this->tag;
        return empty($o) ? new class(){} : $o;
    }
    public function getTypeName(): string { return 'MakeThing'; }
    public function getMethod(): string { return 'POST'; }
    public function createResponse(): mixed { return new MakeThingResponse(); }
}

#[Returns('MakeThingResponse')]
class MakeSpecial extends Special implements IReturn, JsonSerializable
{
    public function __construct(
        ?Plain $place=null,
        ?int $id=null,
        ?int $parentId=null,
        ?string $from=null,
        ?int $max_tokens=null,
        ?bool $logprobs=null,
        ?float $share=null,
        ?float $denoise=null,
        ?float $cost=null,
        ?bool $enabled=null,
        ?DateTime $createdDate=null,
        ?DateTime $offlineDate=null,
        ?DateInterval $duration=null,
        ?ByteArray $bytes=null,
        mixed $anything=null,
        ?array $tags=null,
        ?array $names=null,
        ?array $apiModels=null,
        ?array $counts=null,
        ?array $paths=null,
        ?Mode $mode=null,
        ?Task $task=null,
        ?array $pairs=null,
        ?Thing $other=null,
        ?ResponseStatus $error=null,
        /** @var string|null */
        public ?string $provider=null
    ) {
        parent::__construct();
        if ($place !== null) $this->place = $place;
        if ($id !== null) $this->id = $id;
        if ($parentId !== null) $this->parentId = $parentId;
        if ($from !== null) $this->from = $from;
        if ($max_tokens !== null) $this->max_tokens = $max_tokens;
        if ($logprobs !== null) $this->logprobs = $logprobs;
        if ($share !== null) $this->share = $share;
        if ($denoise !== null) $this->denoise = $denoise;
        if ($cost !== null) $this->cost = $cost;
        if ($enabled !== null) $this->enabled = $enabled;
        if ($createdDate !== null) $this->createdDate = $createdDate;
        if ($offlineDate !== null) $this->offlineDate = $offlineDate;
        if ($duration !== null) $this->duration = $duration;
        if ($bytes !== null) $this->bytes = $bytes;
        if ($anything !== null) $this->anything = $anything;
        if ($tags !== null) $this->tags = $tags;
        if ($names !== null) $this->names = $names;
        if ($apiModels !== null) $this->apiModels = $apiModels;
        if ($counts !== null) $this->counts = $counts;
        if ($paths !== null) $this->paths = $paths;
        if ($mode !== null) $this->mode = $mode;
        if ($task !== null) $this->task = $task;
        if ($pairs !== null) $this->pairs = $pairs;
        if ($other !== null) $this->other = $other;
        if ($error !== null) $this->error = $error;
    }

    /** @throws Exception */
    public function fromMap($o): void {
        parent::fromMap($o);
        if (isset($o['provider'])) $this->provider = $o['provider'];
    }

    /** @throws Exception */
    public function jsonSerialize(): mixed
    {
        $o = (array)parent::jsonSerialize();
        if (isset($this->provider)) $o['provider'] = $this->provider;
        return empty($o) ? new class(){} : $o;
    }
    public function getTypeName(): string { return 'MakeSpecial'; }
    public function getMethod(): string { return 'POST'; }
    public function createResponse(): mixed { return new MakeThingResponse(); }
}

/**
 * @template QueryDb of Thing
 */
#[Returns('QueryResponse')]
class QueryThings extends QueryDb implements IReturn, JsonSerializable
{
    public function __construct(
        /** @var int|null */
        public ?int $id=null,
        ?int $skip=null,
        ?int $take=null,
        ?string $orderBy=null,
        ?string $orderByDesc=null,
        ?string $include=null,
        ?string $fields=null,
        ?array $meta=null
    ) {
        parent::__construct();
        if ($skip !== null) $this->skip = $skip;
        if ($take !== null) $this->take = $take;
        if ($orderBy !== null) $this->orderBy = $orderBy;
        if ($orderByDesc !== null) $this->orderByDesc = $orderByDesc;
        if ($include !== null) $this->include = $include;
        if ($fields !== null) $this->fields = $fields;
        if ($meta !== null) $this->meta = $meta;
    }

    /** @throws Exception */
    public function fromMap($o): void {
        parent::fromMap($o);
        if (isset($o['id'])) $this->id = $o['id'];
    }

    /** @throws Exception */
    public function jsonSerialize(): mixed
    {
        $o = (array)parent::jsonSerialize();
        if (isset($this->id)) $o['id'] = $this->id;
        return empty($o) ? new class(){} : $o;
    }
    public function getTypeName(): string { return 'QueryThings'; }
    public function getMethod(): string { return 'GET'; }
    public function createResponse(): mixed { return QueryResponse::create(genericArgs:['Thing']); }
}

#[Returns('MakeThingResponse')]
class CreateThing implements IReturn, ICreateDb, JsonSerializable
{
    public function __construct(
        /** @var string */
        public string $name=''
    ) {
    }

    /** @throws Exception */
    public function fromMap($o): void {
        if (isset($o['name'])) $this->name = $o['name'];
    }

    /** @throws Exception */
    public function jsonSerialize(): mixed
    {
        $o = [];
        if (isset($this->name)) $o['name'] = $this->name;
        return empty($o) ? new class(){} : $o;
    }
    public function getTypeName(): string { return 'CreateThing'; }
    public function getMethod(): string { return 'POST'; }
    public function createResponse(): mixed { return new MakeThingResponse(); }
}

/** @description Deletes it. */
class DeleteThing implements IReturnVoid, IDeleteDb, JsonSerializable
{
    public function __construct(
        /** @var int */
        public int $id=0
    ) {
    }

    /** @throws Exception */
    public function fromMap($o): void {
        if (isset($o['id'])) $this->id = $o['id'];
    }

    /** @throws Exception */
    public function jsonSerialize(): mixed
    {
        $o = [];
        if (isset($this->id)) $o['id'] = $this->id;
        return empty($o) ? new class(){} : $o;
    }
    public function getTypeName(): string { return 'DeleteThing'; }
    public function getMethod(): string { return 'DELETE'; }
    public function createResponse(): void {}
}

#[Returns('ByteArray')]
class GetThingFile implements IReturn, IGet, JsonSerializable
{
    /** @throws Exception */
    public function fromMap($o): void {
    }

    /** @throws Exception */
    public function jsonSerialize(): mixed
    {
        $o = [];
        return empty($o) ? new class(){} : $o;
    }
    public function getTypeName(): string { return 'GetThingFile'; }
    public function getMethod(): string { return 'GET'; }
    public function createResponse(): mixed { return new ByteArray(); }
}

#[Returns('string')]
class GetThingText implements IReturn, IGet, JsonSerializable
{
    /** @throws Exception */
    public function fromMap($o): void {
    }

    /** @throws Exception */
    public function jsonSerialize(): mixed
    {
        $o = [];
        return empty($o) ? new class(){} : $o;
    }
    public function getTypeName(): string { return 'GetThingText'; }
    public function getMethod(): string { return 'GET'; }
    public function createResponse(): mixed { return ''; }
}

#[Returns('List')]
class GetThingNames implements IReturn, IGet, JsonSerializable
{
    /** @throws Exception */
    public function fromMap($o): void {
    }

    /** @throws Exception */
    public function jsonSerialize(): mixed
    {
        $o = [];
        return empty($o) ? new class(){} : $o;
    }
    public function getTypeName(): string { return 'GetThingNames'; }
    public function getMethod(): string { return 'GET'; }
    public function createResponse(): mixed { return []; }
}
