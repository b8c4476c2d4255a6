/* Options:
Date: 2026-01-02 03:04:05
Version: 1.2.3
Tip: To override a DTO option, remove "//" prefix before updating
BaseUrl: https://ai.example.org

//GlobalNamespace: 
//MakePropertiesOptional: False
//AddServiceStackTypes: True
//AddResponseStatus: False
//AddImplicitVersion: 
//AddDescriptionAsComments: True
//IncludeTypes: 
//ExcludeTypes: 
//DefaultImports: 
*/

export interface IReturn<T>
{
    createResponse(): T;
}

export interface IReturnVoid
{
    createResponse(): void;
}

export interface IGet
{
}

export interface IPost
{
}

export interface IPut
{
}

export interface IPatch
{
}

export interface IDelete
{
}

export interface ICreateDb<T>
{
}

export interface IUpdateDb<T>
{
}

export interface IPatchDb<T>
{
}

export interface IDeleteDb<T>
{
}

export interface ISaveDb<T>
{
}

/** @description What every generation has. */
export interface IGeneration
{
    refId?: string;
    tag?: string;
}

/** @description How. */
export enum Mode
{
    MP3 = 'mp3',
    JsonObject = 'json_object',
}

export enum Task
{
    TextToImage = 1,
    SpeechToText = 8,
}

export class KeyValuePair<TKey, TValue>
{
    public key!: TKey;
    public value!: TValue;

    public constructor(init?: Partial<KeyValuePair<TKey, TValue>>) { (Object as any).assign(this, init); }
}

export class ResponseError
{
    public errorCode!: string;
    public fieldName!: string;

    public constructor(init?: Partial<ResponseError>) { (Object as any).assign(this, init); }
}

export class ResponseStatus
{
    public message!: string;
    public errors!: ResponseError[];

    public constructor(init?: Partial<ResponseStatus>) { (Object as any).assign(this, init); }
}

/** @description A thing of every kind. In two lines. */
export class Thing
{
    /** @description The number that it is known by. */
    public id!: number;
    public parentId?: number;
    public from!: string;
    /** @description At most so many; "about" will do. * / */
    public max_tokens?: number;
    public logprobs?: boolean;
    public share!: number;
    public denoise?: number;
    public cost!: number;
    public enabled!: boolean;
    public createdDate!: string;
    public offlineDate?: string;
    public duration?: string;
    public bytes!: string;
    public anything!: any;
    public tags: string[] = [];
    public names!: string[];
    public apiModels: { [index:string]: string; } = {};
    public counts?: { [index:number]: number; };
    public paths?: { [index:string]: string[]; };
    public mode!: Mode;
    public task?: Task;
    public pairs!: KeyValuePair<string, number>[];
    public other?: Thing;
    public error!: ResponseStatus;

    public constructor(init?: Partial<Thing>) { (Object as any).assign(this, init); }
}

export enum Plain
{
    TopLeft = 'TopLeft',
    Center = 'Center',
}

export class Special extends Thing
{
    public place?: Plain;

    public constructor(init?: Partial<Special>) { super(init); (Object as any).assign(this, init); }
}

export class QueryBase
{
    public skip?: number;
    public take?: number;
    public orderBy!: string;
    public orderByDesc!: string;
    public include!: string;
    public fields!: string;
    public meta!: { [index:string]: string; };

    public constructor(init?: Partial<QueryBase>) { (Object as any).assign(this, init); }
}

export class QueryDb<T> extends QueryBase
{
    public constructor(init?: Partial<QueryDb<T>>) { super(init); (Object as any).assign(this, init); }
}

export class MakeThingResponse
{
    public results?: Thing[];
    public responseStatus?: ResponseStatus;

    public constructor(init?: Partial<MakeThingResponse>) { (Object as any).assign(this, init); }
}

export class QueryResponse<T>
{
    public offset!: number;
    public total!: number;
    public results!: T[];
    public responseStatus!: ResponseStatus;

    public constructor(init?: Partial<QueryResponse<T>>) { (Object as any).assign(this, init); }
}

/** @description Makes a thing. */
// @Route("/v1/things", "POST")
// @Route("/things/{Id}")
export class MakeThing implements IReturn<MakeThingResponse>, IGeneration, IPost
{
    public image!: string;
    /** @description What to make. */
    public prompt!: string;
    public mode!: Mode;
    public refId?: string;
    public tag?: string;

    public constructor(init?: Partial<MakeThing>) { (Object as any).assign(this, init); }
    public getTypeName() { return 'MakeThing'; }
    public getMethod() { return 'POST'; }
    public createResponse() { return new MakeThingResponse(); }
}

export class MakeSpecial extends Special implements IReturn<MakeThingResponse>
{
    public provider?: string;

    public constructor(init?: Partial<MakeSpecial>) { super(init); (Object as any).assign(this, init); }
    public getTypeName() { return 'MakeSpecial'; }
    public getMethod() { return 'POST'; }
    public createResponse() { return new MakeThingResponse(); }
}

export class QueryThings extends QueryDb<Thing> implements IReturn<QueryResponse<Thing>>
{
    public id?: number;

    public constructor(init?: Partial<QueryThings>) { super(init); (Object as any).assign(this, init); }
    public getTypeName() { return 'QueryThings'; }
    public getMethod() { return 'GET'; }
    public createResponse() { return new QueryResponse<Thing>(); }
}

export class CreateThing implements IReturn<MakeThingResponse>, ICreateDb<Thing>
{
    public name!: string;

    public constructor(init?: Partial<CreateThing>) { (Object as any).assign(this, init); }
    public getTypeName() { return 'CreateThing'; }
    public getMethod() { return 'POST'; }
    public createResponse() { return new MakeThingResponse(); }
}

/** @description Deletes it. */
export class DeleteThing implements IReturnVoid, IDeleteDb<Thing>
{
    public id!: number;

    public constructor(init?: Partial<DeleteThing>) { (Object as any).assign(this, init); }
    public getTypeName() { return 'DeleteThing'; }
    public getMethod() { return 'DELETE'; }
    public createResponse() {}
}

export class GetThingFile implements IReturn<Blob>, IGet
{
    public constructor(init?: Partial<GetThingFile>) { (Object as any).assign(this, init); }
    public getTypeName() { return 'GetThingFile'; }
    public getMethod() { return 'GET'; }
    public createResponse() { return new Blob(); }
}

export class GetThingText implements IReturn<string>, IGet
{
    public constructor(init?: Partial<GetThingText>) { (Object as any).assign(this, init); }
    public getTypeName() { return 'GetThingText'; }
    public getMethod() { return 'GET'; }
    public createResponse() { return ''; }
}

export class GetThingNames implements IReturn<string[]>, IGet
{
    public constructor(init?: Partial<GetThingNames>) { (Object as any).assign(this, init); }
    public getTypeName() { return 'GetThingNames'; }
    public getMethod() { return 'GET'; }
    public createResponse() { return new Array<string>(); }
}
